package discovery

import "strings"

// The tables below say what a device is, for the devices that homes and small offices have and that say it plainly. They are no
// fingerprints: a device that is in none of them has no kind.

// serviceKinds says what a device is that offers a service of DNS-SD.
var serviceKinds = map[string]string{
	"_airport._tcp":          "access point",
	"_amzn-wplay._tcp":       "Fire TV",
	"_androidtvremote2._tcp": "Android TV",
	"_axis-video._tcp":       "camera",
	"_elg._tcp":              "light",
	"_esphomelib._tcp":       "ESPHome",
	"_home-assistant._tcp":   "Home Assistant",
	"_hue._tcp":              "Hue bridge",
	"_ipp._tcp":              "printer",
	"_ipps._tcp":             "printer",
	"_nanoleafapi._tcp":      "light",
	"_pdl-datastream._tcp":   "printer",
	"_printer._tcp":          "printer",
	"_qdiscover._tcp":        "NAS",
	"_readynas._tcp":         "NAS",
	"_shelly._tcp":           "Shelly",
	"_sonos._tcp":            "Sonos",
	"_soundtouch._tcp":       "speaker",
	"_viziocast._tcp":        "TV",
}

// A keyword says what a device is that has a text in its description.
type keyword struct{ text, kind string }

// modelKinds is for the models and makers in TXT records, the most telling first.
var modelKinds = []keyword{
	{"appletv", "Apple TV"}, {"audioaccessory", "HomePod"}, {"iphone", "iPhone"}, {"ipad", "iPad"}, {"macbook", "Mac"},
	{"macmini", "Mac"}, {"macpro", "Mac"}, {"imac", "Mac"}, {"airport", "access point"}, {"chromecast", "Chromecast"},
	{"google home", "Google speaker"}, {"nest ", "Google speaker"}, {"google tv", "Android TV"}, {"android tv", "Android TV"},
	{"bravia", "TV"}, {"roku", "Roku"}, {"sonos", "Sonos"}, {"synology", "NAS"}, {"qnap", "NAS"},
}

// ssdpKinds is for the SERVER, NT, ST and USN of SSDP, the most telling first.
var ssdpKinds = []keyword{
	{"roku", "Roku"}, {"sonos", "Sonos"}, {":zoneplayer:", "Sonos"}, {"ipbridge", "Hue bridge"}, {"synology", "NAS"},
	{"qnap", "NAS"}, {"fritz!wlan repeater", "repeater"}, {"fritz!repeater", "repeater"}, {"fritz!box", "router"},
	{"microsoft-windows", "Windows PC"}, {"xbox", "Xbox"}, {"webos", "TV"}, {":remotecontrolreceiver:", "TV"},
	{"networkcamera", "camera"}, {":device:dcs-", "camera"}, {":device:printer:", "printer"},
	{":internetgatewaydevice:", "router"}, {":wlanaccesspointdevice:", "access point"},
}

// vendorKinds is for the vendor class of DHCP, the most telling first.
var vendorKinds = []keyword{
	{"msft 5.0", "Windows PC"}, {"android-dhcp", "Android"}, {"xbox", "Xbox"}, {"ps4", "PlayStation"}, {"ps5", "PlayStation"},
	{"typ=printer", "printer"}, {"jetdirect", "printer"}, {"network printer", "printer"}, {"camera", "camera"},
	{"ubnt", "UniFi"}, {"cisco ap ", "access point"}, {"ip phone", "VoIP phone"}, {"snom", "VoIP phone"},
	{"yealink", "VoIP phone"}, {"polycom", "VoIP phone"}, {"roku", "Roku"},
}

// kindOf returns the kind of the first keyword that a text has, in any case, or "".
func kindOf(text string, keywords []keyword) string {
	text = strings.ToLower(text)
	for _, k := range keywords {
		if strings.Contains(text, k.text) {
			return k.kind
		}
	}
	return ""
}
