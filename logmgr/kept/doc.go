// Package kept lets log files outlive their pod. Each file of a container whose logs
// are kept has a second name in a directory of ours, on the same file system: whoever
// removes the first one, as kubelet does some time after a pod has gone, removes no
// byte. No data are written twice.
//
// The directory mirrors podLogsDir:
//
//	<keepDir>/<namespace>_<pod>_<uid>/<container>/<attempt>.log[.<stamp>[.gz|.zst]]
//	                                              .term
//
// A file that is found nowhere else belongs to a removed pod or attempt. It expires
// when the term in the directory's ".term" has passed since its inode was last changed:
// the kernel notes there when the other name went. The term is a file and no extended
// attribute, which not every file system has. There is no other record; whatever a
// crash has left undone is made up for by comparing the two directories.
//
// It knows nothing of containers and policies, nor of which directory matters to whom.
package kept
