package render

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Templates are all templates, parsed. They are never changed after Load and may be used by many goroutines.
type Templates struct {
	hash     string
	files    map[string]string
	flat     flatNames
	variants map[string][]*variant
	choices  map[string]map[relay.Channel]*choice
	// broken are the templates with a problem of their own or of a part they use.
	broken map[string]bool
}

// variant is what a template is in one locale, with what it takes over from less special ones.
type variant struct {
	// locale is the folder's name, "" for the files without one.
	locale string
	speech speech
	// own are the files that stand in the folder itself.
	own   []string
	parts map[string]*part
	// broken says that a file or a part that it uses has a problem.
	broken bool
	// raw says that a file of it may name event.raw, which is not decoded otherwise: that takes as long as all the rest.
	raw bool
}

// Load reads and parses the templates below fsys. It returns every problem it finds, in order of the files, and no Templates when
// there is one. Whether the names in them exist is for Check, which knows the triggers.
func Load(fsys fs.FS) (*Templates, []Problem) {
	t, problems := Survey(fsys)
	if len(problems) > 0 {
		return nil, problems
	}
	return t, nil
}

// Survey is Load, except that the Templates are there also where there are problems, so that what is wrong with the others can be
// found at the same time. They are to be checked then, and not to be sent by.
func Survey(fsys fs.FS) (*Templates, []Problem) {
	r := &reader{fsys: fsys, folders: map[string]folder{}, flat: flatNames{}, files: map[string]string{}, broken: map[string]bool{}}
	r.read()
	t := &Templates{hash: hashOf(r.files), files: r.files, flat: r.flat, variants: map[string][]*variant{}, broken: r.broken}
	t.choices = map[string]map[relay.Channel]*choice{}
	b := builder{report: &r.report, folders: r.folders, flat: r.flat, allRead: len(r.problems) == 0, parsed: map[string]treeSet{}}
	for _, name := range slices.Sorted(maps.Keys(r.folders)) {
		if name == sharedFolder {
			continue
		}
		told := b.told
		t.variants[name] = b.variantsOf(name)
		t.choices[name] = map[relay.Channel]*choice{}
		for _, ch := range relay.Channels() {
			t.choices[name][ch] = newChoice(t.variants[name], ch)
		}
		if b.told > told || slices.ContainsFunc(t.variants[name], func(v *variant) bool { return v.broken }) {
			t.broken[name] = true
		}
	}
	if len(t.variants) == 0 && b.allRead {
		r.add(Problem{File: ".", Message: "no templates here"})
	}
	return t, r.problems
}

// Broken reports whether a template of a Survey is not sound, or was not read at all: nothing else can be said of it.
func (t *Templates) Broken(name string) bool { return t.broken[name] || t.broken["."] }

// Hash is the same for the same files with the same contents, in hexadecimal.
func (t *Templates) Hash() string { return t.hash }

// Files are the contents of the files by path, also of those with flat names: Load of them gives the same templates. The map is
// not to be changed.
func (t *Templates) Files() map[string]string { return t.files }

// Names lists the templates, sorted.
func (t *Templates) Names() []string { return slices.Sorted(maps.Keys(t.variants)) }

// Locales lists the locales for which a template has files of its own, sorted, without the files that have none.
func (t *Templates) Locales(name string) []string {
	var locales []string
	for _, v := range t.variants[name] {
		if v.locale != "" {
			locales = append(locales, v.locale)
		}
	}
	return locales
}

// Variants lists the locales in which a template has files of its own for a channel, first "" for those without a locale.
// Empty where it makes no message for the channel.
func (t *Templates) Variants(name string, ch relay.Channel) []string {
	var locales []string
	for _, v := range t.variants[name] {
		if t.Has(name, ch) && v.hasOwn(ch) {
			locales = append(locales, v.locale)
		}
	}
	return locales
}

// Has reports whether there is such a template and it can make a message for the channel.
func (t *Templates) Has(name string, ch relay.Channel) bool {
	variants := t.variants[name]
	return len(variants) > 0 && variants[0].has(ch)
}

func (v *variant) has(ch relay.Channel) bool {
	if ch == relay.ChannelSMS {
		return v.parts[fileSMS] != nil
	}
	return v.parts[fileSubject] != nil && (v.parts[fileHTML] != nil || v.parts[fileText] != nil)
}

// hasOwn reports whether the locale has a file of its own for the channel.
func (v *variant) hasOwn(ch relay.Channel) bool {
	return slices.ContainsFunc(v.own, func(file string) bool { return channelOf(file) == ch })
}

func channelOf(file string) relay.Channel {
	if file == fileSMS {
		return relay.ChannelSMS
	}
	return relay.ChannelEmail
}

// builder puts the variants together from the files.
type builder struct {
	*report

	folders map[string]folder
	flat    flatNames
	// allRead says that no file is missing because of a problem that was reported.
	allRead bool
	// parsed keeps the trees of each file by its path: a shared part is used many times.
	parsed map[string]treeSet
}

// variantsOf makes the variants of a template, that without a locale first.
func (b *builder) variantsOf(name string) []*variant {
	files := b.folders[name]
	plain := b.variantOf(name, "")
	variants := []*variant{plain}
	for _, locale := range slices.Sorted(maps.Keys(files)) {
		if locale != "" {
			variants = append(variants, b.variantOf(name, locale))
		}
	}
	for _, ch := range relay.Channels() {
		for _, v := range variants {
			if v.hasOwn(ch) && !plain.has(ch) && b.allRead {
				b.add(Problem{File: b.placeOf(name), Message: "incomplete for " + string(ch) + ": " + b.flat.wanted(name, ch)})
			}
		}
	}
	if len(files) == 0 && b.allRead {
		b.add(Problem{File: name, Message: "an empty template: " + b.flat.wanted(name, relay.ChannelSMS)})
	}
	return variants
}

// placeOf is where a template stands: its folder, or the first of its files where it has none.
func (b *builder) placeOf(name string) string {
	if !b.flat[name] {
		return name
	}
	var written []string
	for _, files := range b.folders[name] {
		for _, src := range files {
			written = append(written, src.path)
		}
	}
	return slices.Min(written)
}

func (b *builder) variantOf(name, locale string) *variant {
	files := b.folders[name]
	v := &variant{locale: locale, speech: speechOf(locale), own: slices.Sorted(maps.Keys(files[locale])), parts: map[string]*part{}}
	depth := map[string]int{}
	for i, l := range fallbacks(files, locale) {
		for file := range files[l] {
			if _, ok := depth[file]; !ok {
				depth[file] = i
			}
		}
	}
	// A text part of another language than the HTML is worse than one made from it.
	if html, ok := depth[fileHTML]; ok && depth[fileText] > html {
		delete(depth, fileText)
	}
	for file, i := range depth {
		v.parts[file] = b.partOf(files[fallbacks(files, locale)[i]][file], locale)
		v.broken = v.broken || v.parts[file].broken
		for _, t := range v.parts[file].trees {
			v.raw = v.raw || strings.Contains(t.source.text, "raw")
		}
	}
	return v
}

// partOf compiles a file together with the shared parts of its kind.
func (b *builder) partOf(src source, locale string) *part {
	p := &part{source: src, trees: treeSet{}}
	suffix := src.path[strings.LastIndex(src.path, "."):]
	shared := b.folders[sharedFolder]
	for _, l := range slices.Backward(fallbacks(shared, locale)) {
		for _, file := range slices.Sorted(maps.Keys(shared[l])) {
			if part, ok := strings.CutSuffix(file, suffix); ok {
				b.include(p, shared[l][file], part)
			}
		}
	}
	b.include(p, src, src.path)
	told := b.told
	p.broken = p.main().broken
	p.verify(b.report)
	if b.told == told && !p.broken {
		p.compile(b.report, speechOf(locale))
	}
	return p
}

// include adds the templates that a file defines to a part, the file itself under the given name.
func (b *builder) include(p *part, src source, name string) {
	trees, ok := b.parsed[src.path]
	if !ok {
		trees = parseFile(src, b.report)
		b.parsed[src.path] = trees
	}
	for n, t := range trees {
		if n == src.path {
			n = name
		}
		p.trees[n] = t
	}
}

// fallbacks lists the locales of a folder that serve for the wanted one, the most special first: de-AT, de, "".
func fallbacks(files folder, locale string) []string {
	var found []string
	for want := normalised(locale); want != ""; want = shorter(want) {
		for l := range files {
			if normalised(l) == want {
				found = append(found, l)
			}
		}
	}
	return append(found, "")
}

// normalised makes locales comparable: people and systems write de_AT, de-at and de-AT.
func normalised(locale string) string {
	return strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
}

// shorter is the locale without its last part, "" for a language alone.
func shorter(locale string) string { return locale[:max(0, strings.LastIndex(locale, "-"))] }

// treeSet is parsed templates by name.
type treeSet map[string]*tree

// tree is one parsed template and the file it stands in.
type tree struct {
	*parse.Tree

	source source
	// broken says that the file does not parse: the tree is empty then.
	broken bool
}
