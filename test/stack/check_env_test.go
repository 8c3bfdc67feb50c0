package stack_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// check-env.sh refuses exactly the passwords that Docker Compose changes by the value of a variable. It names them, and does not
// print them.
func TestCheckEnv_FindsDollarInPassword(t *testing.T) {
	script, err := filepath.Abs(filepath.Join(root, "docker/check-env.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`X_PASSWORD=hush$word1`, `X_PASSWORD="hush$word1"`, `X_PASSWORD='hush$word1'`,
		`X_PASSWORD=hush$$word1`, `X_PASSWORD="hush$$word1"`, `X_PASSWORD=hush$$$word1`, `X_PASSWORD=hush$$$$word1`,
		`X_PASSWORD=hush\$word1`, `X_PASSWORD="hush\$word1"`, `X_PASSWORD="hush\\$word1"`, `X_PASSWORD="hush\\\$word1"`,
		`X_PASSWORD="hush\$$word1"`, `X_PASSWORD=hush${word1}`, `X_PASSWORD=hush${word1`,
		`X_PASSWORD=hush$1 $`, `X_PASSWORD=hush$_`, `X_PASSWORD=hush$-w`, `X_PASSWORD=it's$word1`, `X_PASSWORD='it\'s$word1'`,
		`X_PASSWORD='hush' # $word1`, `X_PASSWORD = 'hush$word1'`, `X_PASSWORD = hush$word1`, `X_PASSWORD : hush$word1`,
		"\uFEFFX_PASSWORD=hush$word1", "\texport X_PASSWORD=hush$word1", `#X_PASSWORD=hush$word1`, `X_PASSWORD=`, `X_PASSWORD=hush`,
		`X_PASSWORD_HINT=$word1`, "TZ=UTC\r\nX_PASSWORD=hush$word1\r\nY_PASSWORD=hush$word1",
	} {
		parse := func(value string) (string, error) {
			all, err := dotenv.ParseWithLookup(strings.NewReader(line), func(string) (string, bool) { return value, true })
			return all["X_PASSWORD"], err
		}
		one, err1 := parse("1")
		two, err2 := parse("2")
		want := ""
		if one != two || err1 != nil || err2 != nil {
			want = "X_PASSWORD, in .env: Docker Compose takes $ for the beginning of a variable; put the password between single quotes\n"
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, ".env"), line)
		cmd := exec.Command("sh", script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); string(out) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v, %q, want %q", line, err, out, want)
		}
	}
}
