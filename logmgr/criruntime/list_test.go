package criruntime

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// whole is what a list says when all of it is decoded with CRI's own types.
func whole(data []byte) ([]logmgr.Listed, error) {
	resp := &cri.ListContainersResponse{}
	if err := proto.Unmarshal(data, resp); err != nil {
		return nil, err
	}
	list := make([]logmgr.Listed, len(resp.GetContainers()))
	for i, c := range resp.GetContainers() {
		list[i] = logmgr.Listed{ID: c.GetId(), State: state(c.GetState())}
	}
	return list, nil
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// cannedList is a list of n containers as kubelet makes them, about 600 bytes each.
func cannedList(n int) *cri.ListContainersResponse {
	resp := &cri.ListContainersResponse{}
	for i := range n {
		resp.Containers = append(resp.Containers, &cri.Container{
			Id: strings.Repeat("c", 60) + strconv.Itoa(1000+i), PodSandboxId: strings.Repeat("5", 64), State: cri.ContainerState(i % 4),
			Metadata: &cri.ContainerMetadata{Name: "app", Attempt: 3}, Image: &cri.ImageSpec{Image: "registry.example/app:v1"}, CreatedAt: 1 << 60,
			Labels: map[string]string{
				"io.kubernetes.container.name": "app", "io.kubernetes.pod.name": "app-6f7b9c-abcde",
				"io.kubernetes.pod.namespace": "team", "io.kubernetes.pod.uid": "01234567-89ab-cdef-0123-456789abcdef",
			},
			Annotations: map[string]string{"io.kubernetes.container.hash": "0badcafe", "io.kubernetes.container.restartCount": "3"},
		})
	}
	return resp
}

// extended is an encoded container with what a later or a broken runtime may add.
func extended() []byte {
	data := protowire.AppendTag(nil, 4242, protowire.Fixed64Type)
	data = protowire.AppendFixed64(data, 7)
	data = protowire.AppendTag(data, containerID, protowire.VarintType) // not an id
	data = protowire.AppendVarint(data, 9)
	data = protowire.AppendTag(data, containerID, protowire.BytesType)
	data = protowire.AppendString(data, "first")
	data = protowire.AppendTag(data, containerID, protowire.BytesType) // the last one counts
	data = protowire.AppendString(data, "one")
	data = protowire.AppendTag(data, containerState, protowire.VarintType)
	data = protowire.AppendVarint(data, 1<<32|2) // an enum is its lower half
	data = protowire.AppendTag(data, 4243, protowire.StartGroupType)
	data = protowire.AppendTag(data, containerID, protowire.BytesType) // the group's, not the container's
	data = protowire.AppendString(data, "inner")
	data = protowire.AppendTag(data, 4243, protowire.EndGroupType)
	list := protowire.AppendTag(nil, 99, protowire.BytesType)
	list = protowire.AppendString(list, "a field of next year")
	list = protowire.AppendTag(list, listContainers, protowire.BytesType)
	return protowire.AppendBytes(list, data)
}

// Unknown fields, fields of another type and repeated ones are read as protobuf
// reads them.
func TestListOfAnotherRuntime(t *testing.T) {
	want := listing{{ID: "one", State: logmgr.StateExited}}
	got := listing{{ID: "of the answer before"}}
	if err := got.decode(extended()); err != nil || !cmp.Equal(want, got) {
		t.Errorf("list %v, %v, want %v", got, err, want)
	}
}

// A list that ends early, wherever, is an error where protobuf says so, and
// never a shorter list.
func TestCutList(t *testing.T) {
	for _, data := range [][]byte{encode(t, cannedList(3)), extended()} {
		for n := range len(data) {
			var got listing
			err := got.decode(data[:n])
			want, wantErr := whole(data[:n])
			if (err == nil) != (wantErr == nil) || err == nil && len(want) != len(got) {
				t.Fatalf("%d bytes of %d: %d containers, %v; protobuf says %d, %v", n, len(data), len(got), err, len(want), wantErr)
			}
		}
	}
}

// Whatever protobuf can read is read alike. Text that is no UTF-8 is an error
// to protobuf alone.
func FuzzList(f *testing.F) {
	f.Add(encode(f, cannedList(2)))
	f.Add(extended())
	f.Add([]byte{0x0a, 0x02, 0x0a, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		var got listing
		err := got.decode(data)
		want, wantErr := whole(data)
		if wantErr != nil {
			return
		}
		if err != nil || len(want) != len(got) || len(want) > 0 && !cmp.Equal(want, []logmgr.Listed(got)) {
			t.Errorf("list %v, %v; protobuf says %v", got, err, want)
		}
	})
}

// BenchmarkList is a list of 500 containers, beside the same with all of it
// decoded.
func BenchmarkList(b *testing.B) {
	data := encode(b, cannedList(500))
	for name, decode := range map[string]func() error{
		"ids":   func() error { var l listing; return l.decode(data) },
		"whole": func() error { _, err := whole(data); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
