package config

// checkAvailable refuses what belongs to the format and is not in this version:
// a setting that does nothing would be a false promise.
func checkAvailable(c Configuration, fault faultFunc) {
	if c.Mode == ModeObserve || c.Mode == ModeManage {
		fault("mode", "%s is not available in this version; must be %s", c.Mode, ModeProxy)
	}
}
