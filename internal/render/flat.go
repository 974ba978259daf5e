package render

import (
	"fmt"
	"path"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// flatSlash stands for / in the name of a file where there are no folders: a Kubernetes ConfigMap has none. So
// mention__de__sms.txt is mention/de/sms.txt.
const flatSlash = "__"

// besideExt is the kind of file that may lie beside flat names: rules and their tests, in the same ConfigMap.
const besideExt = ".yaml"

// FlatName is the flat name of a template file whose path is given. It fails where the name would be read as another path.
func FlatName(file string) (string, error) {
	flat := strings.ReplaceAll(file, "/", flatSlash)
	if strings.ReplaceAll(flat, flatSlash, "/") != file {
		return "", fmt.Errorf("%s has no flat name: %q in it stands for / there; rename the template or the part", file, flatSlash)
	}
	return flat, nil
}

// flatNames are the templates that have no folder, only files with flat names.
type flatNames map[string]bool

// wanted says what a template has to have for a channel.
func (f flatNames) wanted(name string, ch relay.Channel) string {
	prefix, where := "", "outside of the locale folders"
	if f[name] {
		prefix, where = name+flatSlash, "without a locale in its name"
	}
	if ch == relay.ChannelSMS {
		return prefix + fileSMS + " must be there " + where
	}
	return prefix + fileSubject + " and one of " + prefix + fileHTML + " and " + prefix + fileText + " must be there " + where
}

// readAtTop reads a file that stands in no folder: one with a flat name, or one that is none of ours.
func (r *reader) readAtTop(name string) {
	if path.Ext(name) == besideExt {
		return
	}
	p := place{written: name}
	switch steps := strings.Split(name, flatSlash); len(steps) {
	case 1:
		r.bad(name, name, "a file outside of a template's folder; write <template>/"+fileSMS+" and the like, or <template>"+flatSlash+fileSMS+
			" where there are no folders")
		return
	case 2:
		p.template, p.file = steps[0], steps[1]
	case 3:
		p.template, p.locale, p.file = steps[0], steps[1], steps[2]
		if !localeName.MatchString(p.locale) {
			r.bad(p.template, name, fmt.Sprintf("%q in the middle must be a locale, such as de or pt-BR", p.locale))
			return
		}
	default:
		r.bad(steps[0], name, "too many "+flatSlash+"; write <template>"+flatSlash+fileSMS+" or <template>"+flatSlash+"<locale>"+flatSlash+fileSMS)
		return
	}
	if _, begun := r.folders[p.template]; !begun {
		r.flat[p.template] = true
	}
	if r.named(p.template, name) {
		r.readFile(p)
	}
}
