# loadgen and its target in an image of a few tens of MB that holds nothing else: make image.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/loadgen ./loadgen

FROM scratch
COPY --from=build /out/loadgen /loadgen
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
ENTRYPOINT ["/loadgen"]
