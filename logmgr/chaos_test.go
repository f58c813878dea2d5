package logmgr_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestAnythingAtAnyTime does at random whatever can happen to logs, while they sleep, doze
// and are tended: no line is lost or doubled, and every log is left to its doorbell.
func TestAnythingAtAnyTime(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			before := descriptors(t)
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize, r.fake.Latency = 64*kib, time.Millisecond
				r.start()
				c := chaos{rig: r, random: rand.New(rand.NewPCG(seed, 0))}
				for range 500 {
					c.step()
					r.pass(time.Duration(1+c.random.IntN(120_000)) * time.Microsecond)
				}
				c.rest()
			})
			if after := descriptors(t); after > before {
				t.Errorf("%d descriptors are open, %d were before", after, before)
			}
		})
	}
}

type chaos struct {
	*rig
	random        *rand.Rand
	made          int
	running, gone []*runtimetest.Container
}

func (c *chaos) step() {
	c.Helper()
	switch x := c.random.IntN(100); {
	case x < 15 && len(c.running) < 25:
		c.running = append(c.running, c.run(fmt.Sprint("app", c.made)))
		c.made++
	case x < 20 && len(c.running) > 3:
		ended := c.pick(&c.running)
		c.exit(ended)
		c.gone = append(c.gone, ended)
	case x < 24 && len(c.gone) > 0:
		removed := c.pick(&c.gone)
		c.linesOnceEach(removed)
		c.remove(removed)
	case x < 27:
		p := c.policy
		p.MaxSize, p.MaxAge = int64(16+c.random.IntN(200))*kib, time.Duration(c.random.IntN(4))*time.Second
		c.setPolicy(p)
	case x < 28:
		p := c.policy
		p.MaxSize, p.MaxAge = -1, 0
		c.setPolicy(p)
	case x < 31 && len(c.running) > 0:
		log := c.running[c.random.IntN(len(c.running))].Path()
		err := os.Rename(log, fmt.Sprintf("%s.20260101-%06d", log, c.random.IntN(1e6)))
		if !errors.Is(err, fs.ErrNotExist) { // a rotation is under way
			c.must(err)
		}
		c.pass(3 * time.Second)
	case x < 33:
		c.Reconcile()
	default:
		for _, one := range c.running {
			if c.random.IntN(3) > 0 {
				c.must(one.Print("stdout", 1+c.random.IntN(20), 100))
			}
		}
	}
}

// pick takes one of the containers out.
func (c *chaos) pick(from *[]*runtimetest.Container) *runtimetest.Container {
	i := c.random.IntN(len(*from))
	one := (*from)[i]
	*from = slices.Delete(*from, i, i+1)
	return one
}

// rest lets everything come to rest and looks at what is left.
func (c *chaos) rest() {
	c.Helper()
	p := c.policy
	p.MaxSize, p.MaxAge = 64*kib, 0
	c.setPolicy(p)
	c.pass(10 * time.Second)
	if awake, armed := c.metric("logs_awake"), c.bell.Armed(); awake != 0 || armed != len(c.running) {
		c.Errorf("%v logs are awake and %d of %d watched", awake, armed, len(c.running))
	}
	if got, want := int(c.metric("logs_managed")), len(c.running)+len(c.gone); got != want {
		c.Errorf("%d logs are managed of %d", got, want)
	}
	for _, one := range slices.Concat(c.running, c.gone) {
		c.linesOnceEach(one)
		if n := one.Destroyed(); n > 0 {
			c.Errorf("%s: %d bytes were destroyed", one.ID(), n)
		}
	}
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
