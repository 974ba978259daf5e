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

// translators are the locales whose dates and times are known: each is compiled in, so only those that people are likely to have.
// Regions that are not among them take the nearest.
func translators() []locales.Translator {
	return []locales.Translator{
		ar.New(), bg.New(), bn.New(), ca.New(), cs.New(), da.New(), de.New(), de_AT.New(), de_CH.New(), el.New(), en.New(),
		en_AU.New(), en_CA.New(), en_GB.New(), en_IE.New(), en_IN.New(), en_NZ.New(), en_PH.New(), en_SG.New(), en_US.New(),
		en_ZA.New(), es.New(), es_AR.New(), es_CO.New(), es_MX.New(), es_US.New(), et.New(), fi.New(), fr.New(), fr_BE.New(),
		fr_CA.New(), fr_CH.New(), he.New(), hi.New(), hr.New(), hu.New(), id.New(), it.New(), ja.New(), ko.New(), lt.New(),
		lv.New(), ms.New(), nb.New(), nl.New(), nl_BE.New(), nn.New(), pl.New(), pt.New(), pt_PT.New(), ro.New(), ru.New(), sk.New(),
		sl.New(), sv.New(), ta.New(), th.New(), tr.New(), uk.New(), vi.New(), zh.New(), zh_Hant.New(), zh_Hant_HK.New(),
	}
}
