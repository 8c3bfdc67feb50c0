package report

import (
	"testing"

	"gonetmon/app/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }
