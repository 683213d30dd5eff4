package transport

// The transports, as -transport spells them.
const (
	GRPC = "grpc"
	Wire = "wire"
	REST = "rest"
)

// Names are those of all transports.
var Names = []string{GRPC, Wire, REST}
