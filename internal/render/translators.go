package render

import (
	"github.com/go-playground/locales"
	"github.com/go-playground/locales/ar"
	"github.com/go-playground/locales/bg"
	"github.com/go-playground/locales/bn"
	"github.com/go-playground/locales/ca"
	"github.com/go-playground/locales/cs"
	"github.com/go-playground/locales/da"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/de_AT"
	"github.com/go-playground/locales/de_CH"
	"github.com/go-playground/locales/el"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/en_AU"
	"github.com/go-playground/locales/en_CA"
	"github.com/go-playground/locales/en_GB"
	"github.com/go-playground/locales/en_IE"
	"github.com/go-playground/locales/en_IN"
	"github.com/go-playground/locales/en_NZ"
	"github.com/go-playground/locales/en_PH"
	"github.com/go-playground/locales/en_SG"
	"github.com/go-playground/locales/en_US"
	"github.com/go-playground/locales/en_ZA"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/es_AR"
	"github.com/go-playground/locales/es_CO"
	"github.com/go-playground/locales/es_MX"
	"github.com/go-playground/locales/es_US"
	"github.com/go-playground/locales/et"
	"github.com/go-playground/locales/fi"
	"github.com/go-playground/locales/fr"
	"github.com/go-playground/locales/fr_BE"
	"github.com/go-playground/locales/fr_CA"
	"github.com/go-playground/locales/fr_CH"
	"github.com/go-playground/locales/he"
	"github.com/go-playground/locales/hi"
	"github.com/go-playground/locales/hr"
	"github.com/go-playground/locales/hu"
	"github.com/go-playground/locales/id"
	"github.com/go-playground/locales/it"
	"github.com/go-playground/locales/ja"
	"github.com/go-playground/locales/ko"
	"github.com/go-playground/locales/lt"
	"github.com/go-playground/locales/lv"
	"github.com/go-playground/locales/ms"
	"github.com/go-playground/locales/nb"
	"github.com/go-playground/locales/nl"
	"github.com/go-playground/locales/nl_BE"
	"github.com/go-playground/locales/nn"
	"github.com/go-playground/locales/pl"
	"github.com/go-playground/locales/pt"
	"github.com/go-playground/locales/pt_PT"
	"github.com/go-playground/locales/ro"
	"github.com/go-playground/locales/ru"
	"github.com/go-playground/locales/sk"
	"github.com/go-playground/locales/sl"
	"github.com/go-playground/locales/sv"
	"github.com/go-playground/locales/ta"
	"github.com/go-playground/locales/th"
	"github.com/go-playground/locales/tr"
	"github.com/go-playground/locales/uk"
	"github.com/go-playground/locales/vi"
	"github.com/go-playground/locales/zh"
	"github.com/go-playground/locales/zh_Hant"
	"github.com/go-playground/locales/zh_Hant_HK"
)

// translator is a locale, and what makes all that is known of it.
type translator struct {
	locale string
	open   func() locales.Translator
}

func of(locale string, open func() locales.Translator) translator { return translator{locale, open} }

// translators are the locales whose dates and times are known: each is compiled in, so only those that people are likely to have.
// Regions that are not among them take the nearest.
func translators() []translator {
	return []translator{
		of("ar", ar.New), of("bg", bg.New), of("bn", bn.New), of("ca", ca.New), of("cs", cs.New), of("da", da.New),
		of("de", de.New), of("de_AT", de_AT.New), of("de_CH", de_CH.New), of("el", el.New), of("en", en.New),
		of("en_AU", en_AU.New), of("en_CA", en_CA.New), of("en_GB", en_GB.New), of("en_IE", en_IE.New), of("en_IN", en_IN.New),
		of("en_NZ", en_NZ.New), of("en_PH", en_PH.New), of("en_SG", en_SG.New), of("en_US", en_US.New), of("en_ZA", en_ZA.New),
		of("es", es.New), of("es_AR", es_AR.New), of("es_CO", es_CO.New), of("es_MX", es_MX.New), of("es_US", es_US.New),
		of("et", et.New), of("fi", fi.New), of("fr", fr.New), of("fr_BE", fr_BE.New), of("fr_CA", fr_CA.New),
		of("fr_CH", fr_CH.New), of("he", he.New), of("hi", hi.New), of("hr", hr.New), of("hu", hu.New), of("id", id.New),
		of("it", it.New), of("ja", ja.New), of("ko", ko.New), of("lt", lt.New), of("lv", lv.New), of("ms", ms.New),
		of("nb", nb.New), of("nl", nl.New), of("nl_BE", nl_BE.New), of("nn", nn.New), of("pl", pl.New), of("pt", pt.New),
		of("pt_PT", pt_PT.New), of("ro", ro.New), of("ru", ru.New), of("sk", sk.New), of("sl", sl.New), of("sv", sv.New),
		of("ta", ta.New), of("th", th.New), of("tr", tr.New), of("uk", uk.New), of("vi", vi.New), of("zh", zh.New),
		of("zh_Hant", zh_Hant.New), of("zh_Hant_HK", zh_Hant_HK.New),
	}
}
