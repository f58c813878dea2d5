// Package policy decides how the logs of each container are held: by the node's
// rotation, by the first rule of the configuration that matches, and by the
// pod's annotations within the operator's bounds, each setting on its own.
//
//	rotation ← policies[i].rotation ← cri-logshim.io/<setting> ← <container>.cri-logshim.io/<setting>
//
// It knows where every setting came from, and it never fails: an annotation
// that cannot be followed is a Problem, and the rest holds as if it were not
// there. It knows nothing of files and nothing of CRI.
package policy
