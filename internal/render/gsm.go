package render

// The GSM 7-bit default alphabet of 3GPP TS 23.038 without its escape, and the extension table, each of whose
// characters is sent as an escape and a second septet.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
		"abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// gsmUnits says how many septets each character of GSM-7 takes; what is not in it needs UCS-2.
var gsmUnits = septets()

func septets() map[rune]int {
	units := make(map[rune]int, len(gsmBasic)+len(gsmExtension))
	for _, r := range gsmBasic {
		units[r] = 1
	}
	for _, r := range gsmExtension {
		units[r] = 2
	}
	return units
}

// smartTable holds what Twilio puts in the place of characters outside GSM-7 when a request says SmartEncoded=true, as its
// public segment calculator has it (sms-segments-calculator 1.3.0). The full-width forms are added by smartMap.
var smartTable = []struct{ to, from string }{
	{`"`, "\u00ab\u00bb\u201c\u201d\u201e\u201f\u02ba\u02ee\u275d\u275e\u301d\u301e"},
	{"'", "\u2018\u2019\u201b\u2017\u02bb\u02c8\u02bc\u02bd\u02b9\u00b4\u02ca\u0060\u02cb\u275b\u275c\u0313\u0314\ufe10\ufe11"},
	{"/", "\u00f7\u29f8\u0337\u0338\u2044\u2215"},
	{`\`, "\u29f9\u29f5\u20e5\ufe68"},
	{"1/4", "\u00bc"},
	{"1/2", "\u00bd"},
	{"3/4", "\u00be"},
	{"_", "\u0332"},
	{"|", "\u20d2\u20d3\u2223\u23b8\u23b9\u23d0\u239c\u239f"},
	{"-", "\u2010\u2013\u2014\u2015\u2022\u2043\u23bc\u23bd\ufe63"},
	{"@", "\ufe6b"},
	{"$", "\ufe69"},
	{"!", "\u01c3\ufe15\ufe57"},
	{"!!", "\u203c"},
	{"#", "\ufe5f"},
	{"%", "\ufe6a"},
	{"&", "\ufe60"},
	{",", "\u201a\u0326\ufe50\ufe51\uff64\u3001"},
	{"(", "\u2768\u276a\ufe59\u27ee\u2985"},
	{")", "\u2769\u276b\ufe5a\u27ef\u2986"},
	{"*", "\u204e\u2217\u229b\u2722\u2723\u2724\u2725\u2731\u2732\u2733\u273a\u273b\u273c\u273d\u2743\u2749\u274a\u274b\u29c6\ufe61"},
	{"+", "\u02d6\ufe62"},
	{".", "\u3002\ufe52\uff61"},
	{"...", "\u2026"},
	{":", "\u02d0\u02f8\u2982\ua789\ufe13"},
	{";", "\u204f\ufe14\ufe54"},
	{"<", "\ufe64\u203a"},
	{">", "\ufe65\u2039"},
	{"=", "\u0347\ua78a\ufe66"},
	{"?", "\ufe16\ufe56"},
	{"^", "\u02c6\u0302\u1dcd"},
	{"{", "\u2774\ufe5b"},
	{"}", "\u2775\ufe5c"},
	{"~", "\u02dc\u02f7\u0303\u0330\u0334\u223c"},
	// Latin small capitals.
	{"A", "\u1d00"},
	{"B", "\u0299"},
	{"C", "\u1d04"},
	{"D", "\u1d05"},
	{"E", "\u1d07"},
	{"F", "\ua730"},
	{"G", "\u0262"},
	{"H", "\u029c"},
	{"I", "\u026a"},
	{"J", "\u1d0a"},
	{"K", "\u1d0b"},
	{"L", "\u029f"},
	{"M", "\u1d0d"},
	{"N", "\u0274"},
	{"O", "\u1d0f"},
	{"P", "\u1d18"},
	{"R", "\u0280"},
	{"S", "\ua731"},
	{"T", "\u1d1b"},
	{"U", "\u1d1c"},
	{"V", "\u1d20"},
	{"W", "\u1d21"},
	{"Y", "\u028f"},
	{"Z", "\u1d22"},
	// Spaces of another width become two, a tab seven; what cannot be seen goes.
	{"  ", "\u00a0\u2000\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u0080\u008d\u0090\u009b\u009f"},
	{" ", "\u2001\u2028\u2029"},
	{"       ", "\t"},
	{"", "\u0000\u0003\u0004\u0010\u0011\u0012\u0013\u0014\u0017\u0019\u200b\u2060\ufeff"},
}

var smartReplacements = smartMap()

func smartMap() map[rune]string {
	replacements := make(map[rune]string)
	for _, row := range smartTable {
		for _, r := range row.from {
			replacements[r] = row.to
		}
	}
	const fullWidth = '！' - '!' // The distance of the full-width forms from ASCII; their small letters are not replaced.
	for r := '!'; r <= '~'; r++ {
		if r <= '_' || r >= '{' {
			replacements[r+fullWidth] = string(r)
		}
	}
	return replacements
}
