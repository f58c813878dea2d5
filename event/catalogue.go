package event

// Reason is a kind of event, in one word. It never changes its meaning.
type Reason string

// The reasons, in the order in which they come up.
const (
	Serving             Reason = "Serving"
	HandedOver          Reason = "HandedOver"
	HandoverFailed      Reason = "HandoverFailed"
	ConfigReloaded      Reason = "ConfigReloaded"
	ConfigRefused       Reason = "ConfigRefused"
	RuntimeConnected    Reason = "RuntimeConnected"
	RuntimeLost         Reason = "RuntimeLost"
	RuntimeListed       Reason = "RuntimeListed"
	RuntimeNotListed    Reason = "RuntimeNotListed"
	RuntimeCannotReopen Reason = "RuntimeCannotReopen"
	LogsTakenOver       Reason = "LogsTakenOver"
	LogsHeld            Reason = "LogsHeld"
	NotManaged          Reason = "NotManaged"
	OtherRotator        Reason = "OtherRotator"
	OverLimit           Reason = "OverLimit"
	LogReopened         Reason = "LogReopened"
	LogRestored         Reason = "LogRestored"
	WorkFailed          Reason = "WorkFailed"
	WorkStuck           Reason = "WorkStuck"
	WorkUnstuck         Reason = "WorkUnstuck"
	Panic               Reason = "Panic"
	FilesRemoved        Reason = "FilesRemoved"
	UnreadRemoved       Reason = "UnreadRemoved"
	PressureBegan       Reason = "PressureBegan"
	PressureEnded       Reason = "PressureEnded"
	PressureHelpless    Reason = "PressureHelpless"
	KeepingFailed       Reason = "KeepingFailed"
	Scarce              Reason = "Scarce"
	Bypassed            Reason = "Bypassed"
	BypassEnded         Reason = "BypassEnded"
)

// Kind is what is known of a reason.
type Kind struct {
	Reason Reason
	// ID is the MESSAGE_ID in the journal: 128 bits at random, drawn once, as
	// systemd-id128(1) prints them.
	ID string
	// Meaning is half a sentence for a person.
	Meaning string
}

// Catalogue has every reason, in the order of the constants.
func Catalogue() []Kind {
	return []Kind{
		{Serving, "96d48cd10ff144a28586be24049fce13", "the daemon serves; fields say in which mode"},
		{HandedOver, "755e6f23bd7f46199308d7c5aa2e7859", "a new process has taken over, with the program or the settings that have changed"},
		{HandoverFailed, "2c38b41b3448454493445c141b83bf1e", "a new process could not take over, so this one goes on"},
		{ConfigReloaded, "06046b1b830544efad09e94423ae9f03", "changed settings are in force"},
		{ConfigRefused, "e4c3b385e57e4eb5b2f9d341a964294b", "the configuration file is invalid, so the settings before stay in force"},
		{RuntimeConnected, "78ded078dde640178f3282f9dd40fb43", "the connection to the runtime is there"},
		{RuntimeLost, "f8f24c343f5648219988d7e8dd01acb1", "the connection to the runtime is gone"},
		{RuntimeListed, "ecebcdf3b196444b9d31b973bb47657a", "the runtime lists its containers again"},
		{RuntimeNotListed, "77debc4350824c3e8b57047c0c271c83", "the runtime cannot list its containers, so new ones are not found"},
		{RuntimeCannotReopen, "a2e47b11cd2e433ab9ec2c8427fe8880", "the runtime cannot reopen logs, so none is rotated"},
		{LogsTakenOver, "3125685f3b634a2d91c47e35c0fa6b00", "this process manages the logs now that another has ended"},
		{LogsHeld, "7bcb88b15aac4cd2800d4b590219be3d", "another process manages the logs, and is waited for"},
		{NotManaged, "13fc6c85af4c407595094dd1862b664e", "the log of a container is not managed; the error says why"},
		{OtherRotator, "ca1f9c130e514ddabbff58b3fbf87995", "somebody else rotates a log too, probably kubelet"},
		{OverLimit, "b88c6a24b4d44a0cbefb5d17c30d6107", "a log was rotated late: its file had reached twice its limit or more"},
		{LogReopened, "4261565c458042cc97342110381c41e6", "a log that was missing from its path was reopened"},
		{LogRestored, "25039076ec724e309a4c16bec51cca99", "the newest rotated file was put back in place of a log that was missing"},
		{WorkFailed, "5094f56380ad48709faa5fa798bd8dd8", "work on a log has failed, and is tried again; the message says which"},
		{WorkStuck, "f1fbd1579f6a490d8ba65d369b2cb18e", "work on logs waits for a disk or the runtime for too long"},
		{WorkUnstuck, "76d4d147d2674c5aa57c7ae565c8a1b2", "no work on logs is stuck any more"},
		{Panic, "177bcca5661e49c7bdf3c68c64633c13", "a fault of the program; it has not ended the process"},
		{FilesRemoved, "d99906b4c33042158426186183960a4d", "log files were removed; the field setting, or exceeded, says for which bound"},
		{UnreadRemoved, "2e24141492f4407e96917b75db33508f", "a file was removed that a program which had it open had not read"},
		{PressureBegan, "5ffba97cad28407a9f08c787c766275a", "a bound of the node is broken"},
		{PressureEnded, "5f4516a5c067429b86796b469d583a27", "no bound of the node is broken any more"},
		{PressureHelpless, "d1686674096a4bdfbf2e9a3ca25136e5", "a bound of the node is broken and nothing that may go would mend it"},
		{KeepingFailed, "0ca2b3daf3cd4a0699077404463c5ba6", "logs of removed pods are not kept"},
		{Scarce, "61758f739dc649a3be20cc852d239769", "the daemon is short of inotify watches or file descriptors"},
		{Bypassed, "06201bcec52c41f0a3a6b351e1189fe1", "kubelet is led past the daemon to the runtime"},
		{BypassEnded, "ddffc70e2bb14609b2eba362c30d3ab3", "kubelet is led to the daemon again"},
	}
}

// ID returns the MESSAGE_ID of a reason; empty: there is no such reason.
func (r Reason) ID() string {
	for _, k := range Catalogue() {
		if k.Reason == r {
			return k.ID
		}
	}
	return ""
}
