package logfile

const crashVariable = "LOGFILE_CRASH"

func crashChild(string) int { return 1 }
