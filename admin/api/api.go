// Package api is the admin API, version 1: what its paths are, and what is said in JSON. The
// daemon answers with these types, and the commands and the web page read them. It is what
// openapi.yaml describes; the tests hold the two to each other.
//
// Within a version fields are added, never renamed or removed. Sizes are bytes, rates are bytes
// a second, lengths of time are seconds, and times are RFC 3339. No request names a path.
package api

import "time"

// The paths of version 1.
const (
	PathNode   = "/v1/node"   // GET: Node
	PathLogs   = "/v1/logs"   // GET: LogList
	PathEvents = "/v1/events" // GET ?since=<sequence>&wait=<seconds>: EventList
	PathRotate = "/v1/rotate" // POST RotateRequest: RotateResult
	PathPrune  = "/v1/prune"  // POST PruneRequest: PruneResult
)

// Node is the daemon and the node as a whole.
type Node struct {
	Time    time.Time `json:"time"`
	Host    string    `json:"host"`
	Version string    `json:"version"`
	Mode    string    `json:"mode"`
	PID     int       `json:"pid"`
	// Started is when the process began.
	Started time.Time `json:"started"`

	Runtime Runtime `json:"runtime"`
	Kubelet Kubelet `json:"kubelet"`

	// Logs is how many logs are held to their policy, Active how many of these have been
	// written to within the last seconds, Elsewhere how many the runtime keeps itself.
	Logs      int `json:"logs"`
	Active    int `json:"active"`
	Elsewhere int `json:"elsewhere"`
	// BytesPerSecond is what all logs grow by.
	BytesPerSecond int64 `json:"bytesPerSecond"`
	// Rotations is how many there were since the process began.
	Rotations int64 `json:"rotations"`

	Disk Disk `json:"disk"`
	// Readers are the programs that have logs open, the one furthest behind first.
	Readers []Reader `json:"readers"`

	// Reasons tell why the daemon does not do all of its work; none: it is ready.
	Reasons []string `json:"reasons"`
	// Errors are the last warnings and errors, the latest first.
	Errors []Event `json:"errors"`
}

// Runtime is the container runtime behind the daemon.
type Runtime struct {
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Endpoint string `json:"endpoint"`
	// State is idle, connecting, ready, transient failure or shutdown: of the connection, as gRPC
	// has it. Only if it is ready the runtime answers, and AwaySince is since when it does not.
	State     string     `json:"state"`
	AwaySince *time.Time `json:"awaySince,omitempty"`
}

// StateReady is the State in which the runtime answers.
const StateReady = "ready"

// Kubelet is what is known of the kubelet of the node.
type Kubelet struct {
	// Calls is whether a CRI call of a kubelet has come here; false in modes observe and manage.
	Calls bool `json:"calls"`
	// Rotates is whether somebody else rotates logs too, as kubelet does by default, and
	// RotatesSeen when that was seen last.
	Rotates     bool       `json:"rotates"`
	RotatesSeen *time.Time `json:"rotatesSeen,omitempty"`
}

// Disk is what logs take and what is left. A field is null where nobody counts it.
type Disk struct {
	// LogBytes is what all logs take, KeptBytes what those of removed pods take of that.
	LogBytes  *int64 `json:"logBytes"`
	KeptBytes *int64 `json:"keptBytes"`
	// MaxBytes, MinFreeBytes and MinFreeInodes are the bounds; null: none.
	MaxBytes      *int64 `json:"maxBytes"`
	FreeBytes     *int64 `json:"freeBytes"`
	MinFreeBytes  *int64 `json:"minFreeBytes"`
	FreeInodes    *int64 `json:"freeInodes"`
	MinFreeInodes *int64 `json:"minFreeInodes"`
	// Pressure says which bounds are broken and by how much; empty: none.
	Pressure string `json:"pressure"`
}

// Reader is a program that reads logs.
type Reader struct {
	Name     string `json:"name"`
	LagBytes int64  `json:"lagBytes"`
	// Containers is how many containers' logs it has open, ContainersBehind in how many of
	// these it has not read everything.
	Containers       int `json:"containers"`
	ContainersBehind int `json:"containersBehind"`
}

// LogList are all logs that are known.
type LogList struct {
	Time time.Time `json:"time"`
	Logs []Log     `json:"logs"`
}

// Log is the log of one container, of all its attempts where kubelet chose the path: of each
// container there is one entry, of its latest attempt.
type Log struct {
	// ID is the container's, and what names it in a request.
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	PodUID    string `json:"podUID"`
	Container string `json:"container"`
	Attempt   uint32 `json:"attempt"`
	// State is created, running, exited or unknown.
	State string `json:"state"`
	// Path is where the log is written, for a person to read.
	Path string `json:"path"`
	// Elsewhere is whether the runtime keeps the output in files of its own.
	Elsewhere bool `json:"elsewhere"`
	// Managed is whether the log is held to its policy, and if not, NotManaged says why.
	Managed    bool   `json:"managed"`
	NotManaged string `json:"notManaged,omitempty"`

	// CurrentBytes is the size of the file that is written to; DiskBytes is what all files of
	// the history take on disk, and Files how many they are. Null: not counted yet.
	CurrentBytes *int64 `json:"currentBytes"`
	DiskBytes    *int64 `json:"diskBytes"`
	Files        *int   `json:"files"`

	// BytesPerSecond is what the log grows by now, BytesWritten what was written to it and
	// Rotations how often it was rotated since the daemon began to manage it.
	BytesPerSecond int64      `json:"bytesPerSecond"`
	BytesWritten   int64      `json:"bytesWritten"`
	Rotations      int64      `json:"rotations"`
	LastRotation   *time.Time `json:"lastRotation"`
	LastWrite      *time.Time `json:"lastWrite"`
	// Overshoot is the largest size of a file at its rotation as a share of maxSize; 0: none.
	Overshoot float64 `json:"overshoot"`
	// CompressionRatio is what compressed files were before, as a multiple of what they are;
	// 0: none was compressed.
	CompressionRatio float64 `json:"compressionRatio"`

	Policy Policy `json:"policy"`
	// LastError is what went wrong last with this log; empty: nothing.
	LastError string `json:"lastError,omitempty"`
}

// Policy is what holds for a log.
type Policy struct {
	MaxSize          int64   `json:"maxSize"` // 0: it is not rotated
	MaxFiles         int     `json:"maxFiles"`
	MaxTotalSize     int64   `json:"maxTotalSize"` // 0: no limit
	MaxAge           float64 `json:"maxAge"`       // 0: no limit
	Compression      string  `json:"compression"`
	KeepAfterRemoval float64 `json:"keepAfterRemoval"` // 0: not kept
}

// EventList are events after a sequence number, the oldest first.
type EventList struct {
	Events []Event `json:"events"`
	// Next is what since has to be for those after these.
	Next uint64 `json:"next"`
	// Lost is whether events after since are no longer there.
	Lost bool `json:"lost"`
}

// Event is something that an operator may want to know of.
type Event struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	// Level is info, warning or error.
	Level string `json:"level"`
	// Reason is a word for the kind of event, such as Rotated; empty: it has none.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`

	Namespace string `json:"namespace,omitempty"`
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	// Count is how often the same was said in a row.
	Count int `json:"count"`
}

// RotateRequest asks for the log of a running container to be rotated now.
type RotateRequest struct {
	ID string `json:"id"`
}

// RotateResult is what has come of it.
type RotateResult struct {
	// Rotated is false where there was nothing to rotate, and Reason says why.
	Rotated bool   `json:"rotated"`
	Reason  string `json:"reason,omitempty"`
	// Bytes is the size of the rotated file, and File its name.
	Bytes int64  `json:"bytes"`
	File  string `json:"file,omitempty"`
}

// PruneRequest asks for the files to be removed that the bounds of the node and the policies of
// logs ask for, and beyond that, if Kept, for all logs of removed pods.
type PruneRequest struct {
	DryRun bool `json:"dryRun"`
	Kept   bool `json:"kept"`
}

// PruneResult is what was removed, or would be.
type PruneResult struct {
	DryRun bool         `json:"dryRun"`
	Files  []PrunedFile `json:"files"`
	// Bytes is what they took on disk altogether.
	Bytes int64 `json:"bytes"`
}

// PrunedFile is a file that was removed, or would be.
type PrunedFile struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Name      string `json:"name"`
	Bytes     int64  `json:"bytes"`
	// Reason is the setting that asks for it.
	Reason string `json:"reason"`
}

// Problem is the body of every answer that is no success, as RFC 9457 has it
// (application/problem+json).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
}
