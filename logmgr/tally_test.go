package logmgr

import (
	"fmt"
	"testing"
)

// Beyond the bound names share one account, also a name that is that one's own: two series of one
// name would cost a whole scrape. What nobody uses any more makes room for what is new, the longest
// unused first, or else a node where namespaces come and go would one day tell of none.
func TestBookIsBounded(t *testing.T) {
	const most = 3
	b := newBook(most, true)
	name := func(n int) sumName { return sumName{namespace: fmt.Sprint("ns", n)} }
	var used []*account
	for n := range most {
		used = append(used, b.enter(name(n)))
	}
	for _, n := range []sumName{name(most), b.other.name} {
		if b.enter(n) != b.other || b.of(n) != b.other {
			t.Errorf("%v has an account of its own", n)
		}
	}
	b.enter(name(1))
	for _, n := range []int{2, 1, 0} {
		b.leave(used[n]) // of 1 there is another one still
	}
	b.leave(b.other)
	if b.enter(name(0)) != used[0] {
		t.Error("an account that nobody uses has gone although there was room")
	}
	fresh := b.enter(name(most))
	if fresh == b.other || b.of(name(2)) != b.other || b.of(name(1)) != used[1] {
		t.Error("a new name got no account, or another one's than that of the longest unused")
	}
	if got := len(b.all()); got != most+1 {
		t.Errorf("there are %d accounts", got)
	}
}

// The account of a container goes with its last log, so that pods of the past are no series.
func TestBookForgetsContainers(t *testing.T) {
	b := newBook(3, false)
	old := b.enter(sumName{pod: "web-0"})
	if b.enter(sumName{pod: "web-0"}) != old {
		t.Error("a pod that was made anew has an account of its own")
	}
	b.leave(old)
	if b.of(old.name) != old {
		t.Error("the account has gone before its last log")
	}
	b.leave(old)
	if len(b.all()) != 1 {
		t.Error("the account is left")
	}
}

// The names of what is left of a pod are in the name of its directory, whether or not its containers
// have their own; of any other directory nothing is claimed.
func TestNamesOf(t *testing.T) {
	for dir, want := range map[string][4]string{
		"shop_web-0_4f1c/app":        {"shop", "web-0", "app", "shop"},
		"shop_web-0_4f1c/app/deeper": {"shop", "web-0", "app/deeper", "shop"},
		"shop_web-0_4f1c":            {"shop", "web-0", "", "shop"},
		"crictl/app":                 {"", "crictl", "app", otherNamespace},
		"shop_web-0":                 {"", "shop_web-0", "", otherNamespace},
		"a":                          {"", "a", "", otherNamespace},
	} {
		namespace, pod, container := namesOf(dir)
		if got := [4]string{namespace, pod, container, namespaceOf(dir)}; got != want {
			t.Errorf("%s is of %q, want %q", dir, got, want)
		}
	}
}

// What is kept of removed pods has its share of the bound, and takes no place from what was counted: a
// node with many namespaces in keepDir would else tell of other ones at each scrape, leave out the
// bytes of the rest and begin their counters anew.
func TestKeptTakesNoPlace(t *testing.T) {
	b := newBooks(Options{})
	gone := b.enter(&Container{Namespace: "gone"})
	gone.add(tally{written: 5})
	b.leave(gone)
	kept := map[string]int64{}
	for n := range mostNamespaces + 20 {
		kept[fmt.Sprint("team-", n)] = 1
	}
	for range 2 {
		sums := b.sums(View{Disk: DiskView{keptAlone: kept}}).Namespaces
		disk := int64(0)
		for _, s := range sums {
			if s.DiskBytes != nil {
				disk += *s.DiskBytes
			}
		}
		if disk != int64(len(kept)) || len(sums) != mostNamespaces+1 || sums[0].Namespace != "gone" || sums[0].BytesWritten != 5 {
			t.Errorf("%d bytes on disk in %d namespaces, first %+v", disk, len(sums), sums[0])
		}
	}
	if live := b.enter(&Container{Namespace: "live"}); live.namespace == b.namespaces.other || b.namespaces.of(gone.namespace.name) != gone.namespace {
		t.Error("a namespace with a log gets no place of one that is only kept")
	}
}

// A node with ever so many containers has a bounded number of sums, in which no byte is missing.
func TestContainerSumsAreBounded(t *testing.T) {
	const more = 5
	b := newBooks(Options{ContainerSums: true})
	for n := range mostContainers + more {
		b.enter(&Container{Namespace: "shop", Pod: fmt.Sprint("web-", n), Name: "app"}).add(tally{written: 1})
	}
	sums := b.sums(View{}).Containers
	if last := sums[len(sums)-1]; len(sums) != 1000 || last.Namespace != otherNamespace || last.BytesWritten != more {
		t.Errorf("there are %d sums, the last is %+v", len(sums), last)
	}
}
