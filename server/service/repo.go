package service

import (
	"errors"
	"io"
	"math"
	"net/url"
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/pb/repo"
)

// Repo implements the Repo service. MaxUpload is read-only once it serves.
type Repo struct {
	repo.UnimplementedRepoServer

	// MaxUpload is the largest accepted upload in bytes of data.
	MaxUpload int64

	created atomic.Uint64
}

// CreateRepo counts the bytes of an upload and keeps none of them. The first
// message is the context, all others are data; anything else is
// INVALID_ARGUMENT with the reason, and more than MaxUpload bytes are
// RESOURCE_EXHAUSTED.
func (r *Repo) CreateRepo(stream grpc.ClientStreamingServer[repo.RepoCreateRequest, repo.RepoCreateReply]) error {
	var upload *repo.RepoContext
	var size int64
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch body := req.GetBody().(type) {
		case *repo.RepoCreateRequest_Context:
			if upload != nil {
				return status.Error(codes.InvalidArgument, "a second context")
			}
			upload = body.Context
		case *repo.RepoCreateRequest_Data:
			if upload == nil {
				return status.Error(codes.InvalidArgument, "data before context")
			}
			size += int64(len(body.Data))
			if size > r.limit() {
				return status.Errorf(codes.ResourceExhausted, "the upload is larger than %d bytes", r.limit())
			}
		default:
			return status.Error(codes.InvalidArgument, "a message without a body")
		}
	}
	if upload == nil {
		return status.Error(codes.InvalidArgument, "no context")
	}
	where := "https://git.example.com/" + url.PathEscape(upload.GetCreatorId()) + "/" + url.PathEscape(upload.GetName())
	return stream.SendAndClose(&repo.RepoCreateReply{
		Repo: &repo.Repository{Id: strconv.FormatUint(r.created.Add(1), 10), Name: upload.GetName(), Url: where},
		Size: int32(size),
	})
}

// limit is MaxUpload within what the answer's 32-bit size can say.
func (r *Repo) limit() int64 { return min(r.MaxUpload, math.MaxInt32) }
