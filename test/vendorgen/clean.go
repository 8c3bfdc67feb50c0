package main

import (
	"html"
	"regexp"
	"strings"
)

// maxName is the maximum length of a name in bytes.
const maxName = 40

// toASCII replaces the letters beyond ASCII in the registries with similar ones, and removes characters that are special in
// HTML, labels or a shell. What is not ASCII after that becomes a space.
var toASCII = strings.NewReplacer(
	"À", "A", "Á", "A", "Â", "A", "Ã", "A", "Ä", "A", "Å", "A", "Æ", "AE", "Ą", "A", "à", "a", "á", "a", "â", "a", "ã", "a",
	"ä", "a", "å", "a", "æ", "ae", "ą", "a", "ầ", "a", "Ç", "C", "Č", "C", "Ć", "C", "ç", "c", "č", "c", "ć", "c",
	"Ď", "D", "ď", "d", "È", "E", "É", "E", "Ê", "E", "Ë", "E", "Ę", "E", "Ě", "E", "è", "e", "é", "e", "ê", "e", "ë", "e",
	"ę", "e", "ě", "e", "ế", "e", "ệ", "e", "Ğ", "G", "ğ", "g", "Ì", "I", "Í", "I", "Î", "I", "Ï", "I", "İ", "I", "ì", "i",
	"í", "i", "î", "i", "ï", "i", "ı", "i", "ị", "i", "Ł", "L", "ł", "l", "Ñ", "N", "Ń", "N", "ñ", "n", "ń", "n", "ň", "n",
	"Ò", "O", "Ó", "O", "Ô", "O", "Õ", "O", "Ö", "O", "Ø", "O", "Ő", "O", "ò", "o", "ó", "o", "ô", "o", "õ", "o", "ö", "o",
	"ø", "o", "ő", "o", "ổ", "o", "Œ", "OE", "œ", "oe", "Ř", "R", "ř", "r", "Ś", "S", "Ş", "S", "Š", "S", "ś", "s", "ş", "s",
	"š", "s", "ß", "ss", "Ţ", "T", "ţ", "t", "Ť", "T", "ť", "t", "Ù", "U", "Ú", "U", "Û", "U", "Ü", "U", "Ů", "U", "Ű", "U",
	"ù", "u", "ú", "u", "û", "u", "ü", "u", "ů", "u", "ű", "u", "Ý", "Y", "ý", "y", "Ź", "Z", "Ż", "Z", "Ž", "Z", "ź", "z",
	"ż", "z", "ž", "z", "µ", "u",
	"–", "-", "—", "-", "‘", "'", "’", "'", "`", "'", "，", ",", "（", "(", "）", ")", "№", "No",
	"\u0300", "", "\u0301", "", "\u0303", "", "\u0308", "", "\u200b", "", "\u200e", "", "®", "", "«", "", "»", "", "“", "", "”", "",
	`"`, "", "<", "", ">", "", `\`, "/",
)

// legalForm matches the legal form at the end of a name. Forms of two letters (AB, AG, BV, SA …) stay: too often they are
// part of the name.
var legalForm = regexp.MustCompile(`(?i)(,? an? .* company|[\s,.;&]*\b(` +
	`gmbh\s*&\s*co\.?,?\s*kg|g?mbh|limited liability company|l\.l\.c|private limited|pvt\.?\s*ltd|inc|incorporated|` +
	`incorporation|corp|corporate|corporation|co|company|` +
	`ltd|limited|limted|llc|llp|plc|pte|pty|sdn|bhd|berhad|ltda|lda|bvba|kft|zrt|uab|jsc|aps|sarl|sas|` +
	`s\.?\s?p\.?\s?a|s\.?\s?r\.?\s?l))[\s,.;&]*$`)

// cleanName returns a vendor's name in printable ASCII without its legal form, in at most maxName bytes.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, toASCII.Replace(html.UnescapeString(name)))
	name = strings.Join(strings.Fields(name), " ")
	for {
		at := legalForm.FindStringIndex(name)
		if at == nil || at[0] == 0 {
			break
		}
		name = name[:at[0]]
	}
	return strings.Trim(truncate(name), " ,;&-/")
}

// truncate returns the words of name that fit, without a bracket that is no longer closed.
func truncate(name string) string {
	if len(name) <= maxName {
		return name
	}
	if at := strings.LastIndexByte(name[:maxName+1], ' '); at > maxName/2 {
		name = name[:at]
	}
	name = name[:min(len(name), maxName)]
	if at := strings.LastIndexByte(name, '('); at > 0 && !strings.Contains(name[at:], ")") {
		name = name[:at]
	}
	return name
}
