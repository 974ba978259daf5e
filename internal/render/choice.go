package render

import (
	"slices"

	"golang.org/x/text/language"

	"github.com/beckon-relay/beckon/internal/relay"
)

// choice picks one of the variants of a template for a channel.
type choice struct {
	// own are those with files of their own for the channel, that without a locale last; plain is the latter.
	own   []*variant
	plain *variant
	// tags are the languages of own, after the undetermined one: the matcher takes its first where nothing fits.
	tags    []language.Tag
	matcher language.Matcher
}

func newChoice(variants []*variant, ch relay.Channel) *choice {
	c := &choice{plain: variants[0], tags: []language.Tag{language.Und}}
	for _, v := range slices.Concat(variants[1:], variants[:1]) {
		if v.hasOwn(ch) {
			c.own = append(c.own, v)
			c.tags = append(c.tags, v.speech.tag)
		}
	}
	c.matcher = language.NewMatcher(c.tags)
	return c
}

// of picks the variant nearest to the recipient's locale, then to the default locale. Files without a locale are English ones in
// that, and stand in where nothing is near.
func (c *choice) of(req Request) *variant {
	for _, wish := range []string{req.Locale, req.DefaultLocale} {
		if v := c.nearest(wish); v != nil {
			return v
		}
	}
	return c.plain
}

// nearest is the variant of that very locale, or of its language where that is spoken most alike. What is no language to Unicode
// is compared part by part. A language that readers might know as well is none of theirs: the default locale comes first.
func (c *choice) nearest(wish string) *variant {
	if v := c.named(wish); v != nil {
		return v
	}
	if want := tagOf(wish); want != language.Und {
		if _, i, _ := c.matcher.Match(want); sameLanguage(want, c.tags[i]) || norwegian(want) && norwegian(c.tags[i]) {
			return c.own[i-1]
		}
	}
	for want := normalised(wish); want != ""; want = shorter(want) {
		if v := c.named(want); v != nil {
			return v
		}
	}
	return nil
}

func (c *choice) named(locale string) *variant {
	want := normalised(locale)
	i := slices.IndexFunc(c.own, func(v *variant) bool { return v.locale != "" && normalised(v.locale) == want })
	if i < 0 {
		return nil
	}
	return c.own[i]
}
