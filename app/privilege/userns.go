package privilege

import (
	"os"
	"strings"
)

// InUserNamespace reports whether this process is in a user namespace other than the first one (user_namespaces(7)). Its root
// then has no rights over what belongs to the machine. Without /proc the answer is no.
func InUserNamespace() bool {
	uids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && mapped(string(uids))
}

// mapped reports whether a uid_map is not that of the first user namespace, where every user ID is itself.
func mapped(uids string) bool {
	return strings.Join(strings.Fields(uids), " ") != "0 0 4294967295"
}
