// Package logmgr holds container logs to their policy: it watches every log of
// every running container, rotates it through the runtime when it reaches its
// limit, compresses and removes what the policy no longer wants, and keeps the
// links by which people and collectors find a log.
//
// It knows nothing of gRPC and nothing of how its facts arrive: whoever sees a
// container being made, started or removed says so (Manager.Created and its
// siblings), and everything else is read back from the runtime and from the
// directory. There is no database.
//
// # Shape
//
// One goroutine, Manager.Run, owns the registry of containers and logs and
// touches no file and no socket, so it cannot be held up by either. Everything
// else is posted to it as a function.
//
// A log is asleep, dozing or awake:
//
//	           doorbell rings, log is new, somebody else rotates
//	  asleep ────────────────────────────────────────────────────▶ awake
//	(one inotify watch,                                     (one goroutine, tend:
//	 no goroutine, a timer                                   look, predict, wait)
//	 only for maxAge)                                          │         ▲
//	    ▲                                       far from its   │         │ near its limit,
//	    │                                       limit          ▼         │ quiet, replaced
//	    │                                                       dozing
//	    │                                          (the poller's, with all the others)
//	    │
//	    └──── awake, armed, and one more look found nothing new
//
// An awake log that reaches its limit is rotated by its own goroutine, so a
// log's rotations are serial and different logs never wait for each other.
// Removing and compressing rotated files happens in goroutines of their own;
// no rotation waits for them.
package logmgr
