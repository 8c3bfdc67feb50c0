package discovery

import (
	"testing"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }
