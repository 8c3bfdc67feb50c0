package replay_test

import (
	"testing"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }
