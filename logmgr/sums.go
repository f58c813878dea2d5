package logmgr

import (
	"cmp"
	"context"
	"strings"
)

const (
	// mostNamespaces and mostContainers bound for how many names there are sums of their own.
	mostNamespaces = 100
	mostContainers = 999
)

// Sums are what all logs come to by who has written them. Beyond a number of names the rest have
// one sum, of the namespace "_other", which is there once it has anything.
type Sums struct {
	// Namespaces have only their name, and stay when their last log has gone, while there is room.
	Namespaces []Sum
	// Containers go with their last log; empty, unless Options ask for them.
	Containers []Sum
}

// Sum is what all logs of one name come to.
type Sum struct {
	Namespace, Pod, Container string
	// BytesWritten and Rotations never fall while the sum is there.
	BytesWritten, Rotations int64
	// DiskBytes is what their files take, of a namespace those of removed pods too; nil: none
	// was counted yet.
	DiskBytes *int64
	// Overshoot is the largest size of a rotated file as a share of maxSize; 0: none.
	Overshoot float64
	// PackedFrom and PackedTo are the bytes of compressed files, before and after.
	PackedFrom, PackedTo int64
}

// books count by namespace, and where that is asked for by container.
type books struct{ namespaces, containers *book }

func newBooks(o Options) books {
	b := books{namespaces: newBook(mostNamespaces, true), containers: newBook(0, false)}
	if o.ContainerSums {
		b.containers.most = mostContainers
	}
	return b
}

// entry is where a log counts.
type entry struct{ namespace, container *account }

func namespaceName(namespace string) sumName { return sumName{namespace: text(namespace)} }

func containerName(c *Container) sumName {
	return sumName{text(c.Namespace), text(c.Pod), text(c.Name)}
}

func (n sumName) compare(o sumName) int {
	return cmp.Or(strings.Compare(n.namespace, o.namespace), strings.Compare(n.pod, o.pod), strings.Compare(n.container, o.container))
}

// enter has a log of a container count.
func (b books) enter(c *Container) entry {
	return entry{b.namespaces.enter(namespaceName(c.Namespace)), b.containers.enter(containerName(c))}
}

// leave ends what enter has begun.
func (b books) leave(e entry) {
	b.namespaces.leave(e.namespace)
	b.containers.leave(e.container)
}

// add counts in both books; nowhere for a log that has not entered.
func (e entry) add(t tally) {
	if e.namespace != nil {
		e.namespace.add(t)
		e.container.add(t)
	}
}

// sums are what the books have counted, and what the files of a view take.
func (b books) sums(v View) Sums {
	inNamespaces, inContainers := map[*account]int64{}, map[*account]int64{}
	for _, l := range v.Logs {
		if l.DiskBytes != nil {
			inNamespaces[b.namespaces.of(namespaceName(l.Namespace))] += *l.DiskBytes
			inContainers[b.containers.of(containerName(&l.Container))] += *l.DiskBytes
		}
	}
	for namespace, bytes := range v.Disk.keptAlone {
		inNamespaces[b.namespaces.place(namespaceName(namespace))] += bytes
	}
	s := Sums{Namespaces: b.namespaces.sums(inNamespaces)}
	if b.containers.most > 0 {
		s.Containers = b.containers.sums(inContainers)
	}
	return s
}

func (b *book) sums(disk map[*account]int64) (sums []Sum) {
	for _, a := range b.all() {
		t := a.counted()
		bytes, counted := disk[a]
		if a == b.other && t == (tally{}) && !counted {
			continue
		}
		s := Sum{
			Namespace: a.name.namespace, Pod: a.name.pod, Container: a.name.container,
			BytesWritten: t.written, Rotations: t.rotations, Overshoot: t.overshoot, PackedFrom: t.packedFrom, PackedTo: t.packedTo,
		}
		if counted {
			s.DiskBytes = &bytes
		}
		sums = append(sums, s)
	}
	return sums
}

// Sums tells what all logs come to. It touches no file.
func (m *Manager) Sums(ctx context.Context) (Sums, error) {
	v, err := m.View(ctx)
	if err != nil {
		return Sums{}, err
	}
	return m.books.sums(v), nil
}

// Sums tells what all logs come to, of running containers and of logs that are elsewhere. It
// touches no file.
func (o *Observer) Sums(ctx context.Context) (Sums, error) {
	v, err := o.View(ctx)
	if err != nil {
		return Sums{}, err
	}
	return o.books.sums(v), nil
}

// namespaceOf is the namespace of a directory in keepDir, and that of all others if its name has none.
func namespaceOf(dir string) string {
	namespace, _, _ := namesOf(dir)
	return cmp.Or(namespace, otherNamespace)
}
