package top

// helpLines tell what keys and marks mean.
func helpLines() []line {
	lines := []line{textLine(strong, "cri-logshim top: what the logs of this node do"), {}}
	for _, h := range [][2]string{
		{"up, down, j, k", "choose another log; it stays chosen wherever it moves"},
		{"pgup, pgdown", "a page further"},
		{"home, end, g, G", "the first log, whichever it is; the last one"},
		{"1 2 3 4 5", "sort by rate, disk, current size, rotations, name"},
		{"s, right, left", "sort by the next, the one before"},
		{"r", "reverse the order"},
		{"/", "filter by an RE2 expression over namespace/pod/container, or by an ID"},
		{"esc", "take the filter away, go back"},
		{"enter", "all that is known of the chosen log"},
		{"R", "rotate the chosen log now, after a question"},
		{"space", "stop what is shown, and let it go on"},
		{"ctrl-z", "into the background"},
		{"q, ctrl-c", "quit"},
		{},
		{"▸", "the chosen log"},
		{"!", "something went wrong with it: enter says what"},
		{"-", "it is not managed: enter says why"},
		{unknown, "not counted, or there is none"},
		{},
		{"RATE", "what the log grows by now"},
		{"CURRENT", "the size of the file that is written to"},
		{"OF ITS LIMIT", "that size as a share of maxSize"},
		{"DISK, FILES", "all files of the log, compressed ones too"},
		{"ROTATED", "how often, since the daemon manages it"},
		{"RATIO", "by how much its compressed files are smaller"},
		{"WRITTEN", "how long ago a line was written"},
	} {
		if h[0] == "" {
			lines = append(lines, line{})
			continue
		}
		l := textLine(strong, pad(h[0], labelCells))
		l.add(plain, h[1])
		lines = append(lines, l)
	}
	return lines
}
