package main

import "testing"

func TestCleanName(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"as it is", "NETGEAR", "NETGEAR"},
		{"Inc", "Apple, Inc.", "Apple"},
		{"Inc without a comma", "Espressif Inc.", "Espressif"},
		{"Inc glued on", "BUFFALO.INC", "BUFFALO"},
		{"Co Ltd", "Samsung Electronics Co.,Ltd", "Samsung Electronics"},
		{"Co Ltd after a bracket", "Otis (Shanghai)Co., Ltd.", "Otis (Shanghai)"},
		{"misspelled Co Ltd", "ALPSALPINE CO,.LTD", "ALPSALPINE"},
		{"wide comma", "SHENZHEN BILIAN ELECTRONIC CO.，LTD", "SHENZHEN BILIAN ELECTRONIC"},
		{"GmbH", "AVM GmbH", "AVM"},
		{"GmbH & Co. KG", "Weidmüller Interface GmbH & Co. KG", "Weidmuller Interface"},
		{"Corporation", "D-Link Corporation", "D-Link"},
		{"Corporate", "Intel Corporate", "Intel"},
		{"Private Limited", "UtopiaTech Private Limited", "UtopiaTech"},
		{"somebody's company", "Motorola Mobility LLC, a Lenovo Company", "Motorola Mobility"},
		{"two letters stay", "Philips Lighting BV", "Philips Lighting BV"},
		{"dotted letters stay", "Signify B.V.", "Signify B.V."},
		{"International stays", "D-Link International", "D-Link International"},
		{"part of a word stays", "Zinc", "Zinc"},
		{"nothing but a legal form", "Inc.", "Inc."},
		{"entity", "Guangdong Coagent Electronics S&amp;T Co.,Ltd.", "Guangdong Coagent Electronics S&T"},
		{"spaces", "  Yichip\u00a0Micro \t electronics\n", "Yichip Micro electronics"},
		{"marks", `"A" <B> C\D`, "A B C/D"},
		{"marks from entities", "&lt;b&gt;&quot;x", "bx"},
		{"other script", "浙江路川科技有限公司", ""},
		{"escapes", "\x1b[31mred\x00", "[31mred"},
		{"long", "Sichuan Changhong Network Technologies of Mianyang", "Sichuan Changhong Network Technologies"},
		{"long in a bracket", "BAE Systems Australia (Electronic Systems) Pty Ltd", "BAE Systems Australia"},
		{"long without a space", "AaaaaaaaaaBbbbbbbbbbCcccccccccDdddddddddEeeee", "AaaaaaaaaaBbbbbbbbbbCcccccccccDddddddddd"},
		{"forty", "GUANGDONG OPPO MOBILE TELECOMMUNICATIONS CORP.,LTD", "GUANGDONG OPPO MOBILE TELECOMMUNICATIONS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := cleanName(tt.in); got != tt.want {
				t.Errorf("cleanName(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}
