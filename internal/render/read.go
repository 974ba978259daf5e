package render

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of what Load reads.
const (
	// MaxFile is the size of a template file in bytes.
	MaxFile = 256 << 10
	// MaxFiles is how many files there may be.
	MaxFiles = 500
	// maxBytes is the size of all files together.
	maxBytes = 8 << 20
)

// The files that a template consists of.
const (
	fileSMS     = "sms.txt"
	fileSubject = "email.subject.txt"
	fileHTML    = "email.html"
	fileText    = "email.txt"
)

// sharedFolder holds the parts that every template can use.
const sharedFolder = "_shared"

func fileNames() []string { return []string{fileSMS, fileSubject, fileHTML, fileText} }

var (
	folderName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	localeName = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)
	sharedName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}\.(txt|html)$`)
)

// folder is what one template (or _shared) has: its files by locale, "" for those without one, and by name.
type folder map[string]map[string]source

// reader walks the templates folder. Its depth is fixed, and it asks fs.Stat what an entry is because a Kubernetes volume
// is made of links.
type reader struct {
	report

	fsys    fs.FS
	folders map[string]folder
	flat    flatNames
	// files are the contents by path, whatever their names were.
	files map[string]string
	// broken are the templates with a problem; "." where it is one of all.
	broken map[string]bool
	bytes  int
}

// place is where a file belongs, and how its name is written.
type place struct{ template, locale, file, written string }

func (p place) path() string { return path.Join(p.template, p.locale, p.file) }

func (r *reader) read() {
	for _, name := range r.list(".") {
		switch {
		case !r.isDir(name):
			r.readAtTop(name)
		case r.named(name, name):
			r.readFolder(name)
		}
	}
}

// named begins a template, if it may be called that.
func (r *reader) named(template, written string) bool {
	if template != sharedFolder && !folderName.MatchString(template) {
		r.bad(template, written, "a template's name is of small letters, digits, - and _")
		return false
	}
	if r.folders[template] == nil {
		r.folders[template] = folder{}
	}
	return true
}

func (r *reader) readFolder(name string) {
	for _, entry := range r.list(name) {
		p := path.Join(name, entry)
		if !r.isDir(p) {
			r.readFile(place{name, "", entry, p})
			continue
		}
		if !localeName.MatchString(entry) {
			r.bad(name, p, "a folder in a template is named after a locale, such as de or pt-BR")
			continue
		}
		for _, file := range r.list(p) {
			r.readFile(place{name, entry, file, path.Join(p, file)})
		}
	}
}

// bad adds a problem of a file or folder of a template, which is not sound then.
func (r *reader) bad(template, written, message string) {
	r.broken[template] = true
	r.add(Problem{File: written, Message: message})
}

// list names the entries of a folder but hidden ones, among them the timestamped ones of a Kubernetes volume.
func (r *reader) list(dir string) []string {
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		r.bad(strings.SplitN(dir, "/", 2)[0], dir, "cannot be read: "+reasonOf(err))
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

func (r *reader) isDir(p string) bool {
	info, err := fs.Stat(r.fsys, p)
	return err == nil && info.IsDir()
}

func (r *reader) readFile(p place) {
	locales := r.folders[p.template]
	same, twice := locales[p.locale][p.file]
	switch {
	case p.template == sharedFolder && !sharedName.MatchString(p.file):
		r.bad(p.template, p.written, "a shared part is named <part>.txt or <part>.html")
		return
	case p.template != sharedFolder && !slices.Contains(fileNames(), p.file):
		r.bad(p.template, p.written, "not one of "+strings.Join(fileNames(), ", ")+didYouMean(p.file, fileNames()))
		return
	case twice:
		r.bad(p.template, p.written, "is the same file of the same template as "+same.path+"; keep one of the two")
		return
	case len(r.files) == MaxFiles:
		r.bad(".", ".", fmt.Sprintf("more than %d template files", MaxFiles))
		return
	}
	text, err := r.content(p.written)
	if err != nil {
		r.bad(p.template, p.written, reasonOf(err))
		return
	}
	r.files[p.path()] = text
	if locales[p.locale] == nil {
		locales[p.locale] = map[string]source{}
	}
	locales[p.locale][p.file] = source{path: p.written, text: text}
}

func (r *reader) content(p string) (string, error) {
	f, err := r.fsys.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // Opened for reading: nothing can be lost.
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	r.bytes += len(b)
	switch {
	case err != nil:
		return "", err
	case len(b) > MaxFile:
		return "", fmt.Errorf("larger than %d KiB", MaxFile>>10)
	case r.bytes > maxBytes:
		return "", fmt.Errorf("the template files together are larger than %d MiB", maxBytes>>20)
	case !utf8.Valid(b):
		return "", errors.New("not UTF-8")
	}
	return string(b), nil
}

// reasonOf leaves out the path that a problem has already.
func reasonOf(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// hashOf is the same for the same files with the same contents.
func hashOf(files map[string]string) string {
	h := sha256.New()
	for _, p := range slices.Sorted(maps.Keys(files)) {
		_, _ = fmt.Fprintf(h, "%d %s %d %s", len(p), p, len(files[p]), files[p])
	}
	return hex.EncodeToString(h.Sum(nil))
}
