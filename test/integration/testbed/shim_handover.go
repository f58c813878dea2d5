package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// HandOver makes the running process hand over to another one, for a setting that cannot
// change while serving, and waits until that one serves. It can do so once. The successor
// is a child of ours, to be killed and waited for by the caller; the shim's methods go on
// being about the one that was started, which lives until its last call has ended.
func (s *Shim) HandOver(ctx context.Context) (successor *os.Process, err error) {
	s.Config.DrainTimeout += time.Second
	if err := errors.Join(s.writeConfig(), s.Signal(syscall.SIGHUP)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, shimTime)
	defer cancel()
	handedOver := regexp.MustCompile(`"handed over.*successor=(\d+)`)
	err = Until(ctx, func(context.Context) error {
		text, err := os.ReadFile(s.LogFile())
		if err != nil {
			return err
		}
		found := handedOver.FindSubmatch(text)
		if found == nil {
			return fmt.Errorf("cri-logshim has not handed over\n%s", s.Log())
		}
		pid, err := strconv.Atoi(string(found[1]))
		if err == nil {
			successor, err = os.FindProcess(pid)
		}
		return err
	})
	return successor, err
}
