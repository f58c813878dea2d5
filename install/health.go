package install

import (
	"context"
	"errors"
	"fmt"

	"github.com/cri-logshim/cri-logshim/config"
)

// wantedCalls is how many of its calls kubelet must have had answered through cri-logshim to
// be taken for healthy: those of the start, and the first of those that it makes each second.
const wantedCalls = 10

func (i *Installer) restartKubelet(ctx context.Context) error {
	i.tell("Restarting %s.", i.options.KubeletUnit)
	if _, err := i.machine.Systemctl(ctx, "restart", i.options.KubeletUnit); err != nil {
		return fmt.Errorf("restart kubelet: %w", err)
	}
	return nil
}

// throughShim waits until kubelet is healthy and its calls come through cri-logshim. Its own
// health check alone tells nothing of the runtime.
func (i *Installer) throughShim(ctx context.Context, c config.Configuration, health string) error {
	first := -1.0
	err := i.until(ctx, i.options.Wait, func(ctx context.Context) error {
		if err := i.kubeletHealthy(ctx, health); err != nil {
			return err
		}
		calls, err := i.machine.Calls(ctx, c)
		if err != nil {
			return fmt.Errorf("count kubelet's calls: %w", err)
		}
		if first < 0 || calls < first {
			first = calls
		}
		if calls-first < wantedCalls {
			return fmt.Errorf("kubelet has had %.0f calls answered through cri-logshim, and not %d", calls-first, wantedCalls)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("kubelet is not healthy through cri-logshim: %w", err)
	}
	i.tell("Kubelet is healthy, and its calls come through cri-logshim.")
	return nil
}

// kubeletHealthy is nil if kubelet runs and says that it is well.
func (i *Installer) kubeletHealthy(ctx context.Context, health string) error {
	state, err := i.property(ctx, i.options.KubeletUnit, "ActiveState")
	if err != nil {
		return err
	}
	if state != "active" {
		return fmt.Errorf("the unit %s is %s", i.options.KubeletUnit, state)
	}
	if health == "" {
		return nil
	}
	return i.machine.Healthy(ctx, health)
}

// kubeletBack restarts kubelet, now that its files are as they were.
func (i *Installer) kubeletBack(ctx context.Context, health string) error {
	if err := i.restartKubelet(ctx); err != nil {
		return err
	}
	return i.healthyWith(ctx, health, asTheyWere)
}

// asTheyWere is how kubelet is after what was changed is taken back.
const asTheyWere = "with its files as they were"

// healthyWith waits until a kubelet is well that was restarted, no matter whom it speaks to; how
// says with what.
func (i *Installer) healthyWith(ctx context.Context, health, how string) error {
	err := i.until(ctx, i.options.Wait, func(ctx context.Context) error { return i.kubeletHealthy(ctx, health) })
	if err != nil {
		return fmt.Errorf("kubelet is not healthy %s: %w; journalctl -u %s says why", how, err, i.options.KubeletUnit)
	}
	i.tell("Kubelet is healthy %s.", how)
	return nil
}

var errStillThere = errors.New("kubelet still speaks to cri-logshim, which is left running until kubelet is restarted: cri-logshim node uninstall --restart-kubelet")
