package names

import "testing"

func TestIsGeneric(t *testing.T) {
	for _, name := range []string{"android", "android-2", "android-1c1335ec95a27318", "android.fritz.box", "iphone",
		"ipad.lan", "espressif",
		"lwip0", "79d88e83-725c-b71b-bad0-5862d5b22386", "79d88e83-725c-b71b-bad0-5862d5b22386.lan",
		"chromecast-ultra-0f8b2c51d8a94e17ad5ffd1b7ae8c3d2", "0f8b2c51d8a94e17ad5ffd1b7ae8c3d2", "b0c554255b0e", "b0-c5-54-25-5b-0e",
		"google-home-79d88e83-725c-b71b-bad0-5862d5b22386", "1c1335ec95a27318"} {
		if !IsGeneric(name) {
			t.Errorf("IsGeneric(%q) = false", name)
		}
	}
	for _, name := range []string{"nas", "anna-s-iphone", "iphone-659", "androidtv", "my-android", "pixel-7",
		"galaxy-s10", "esp_1a2b3c",
		"brw1234567890ab", "dcs-935l-b0c554255b0e", "desktop-4f2k9ql", "lgwebostv", "cafe", "deadbeef", "philips-hue", "ipad-kitchen",
		"nas.android", "79d88e83-725c-b71b-bad0", "12345678"} {
		if IsGeneric(name) {
			t.Errorf("IsGeneric(%q) = true", name)
		}
	}
}
