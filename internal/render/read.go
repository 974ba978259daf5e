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
	files   map[string]string
	bytes   int
}

func (r *reader) read() {
	for _, name := range r.list(".") {
		switch {
		case !r.isDir(name):
			r.add(Problem{File: name, Message: "a file outside of a template's folder; write <template>/" + fileSMS + " and the like"})
		case name != sharedFolder && !folderName.MatchString(name):
			r.add(Problem{File: name, Message: "a template's name is of small letters, digits, - and _"})
		default:
			r.folders[name] = folder{}
			r.readFolder(name)
		}
	}
}

func (r *reader) readFolder(name string) {
	for _, entry := range r.list(name) {
		p := path.Join(name, entry)
		if !r.isDir(p) {
			r.readFile(name, "", entry)
			continue
		}
		if !localeName.MatchString(entry) {
			r.add(Problem{File: p, Message: "a folder in a template is named after a locale, such as de or pt-BR"})
			continue
		}
		for _, file := range r.list(p) {
			r.readFile(name, entry, file)
		}
	}
}

// list names the entries of a folder but hidden ones, among them the timestamped ones of a Kubernetes volume.
func (r *reader) list(dir string) []string {
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		r.add(Problem{File: dir, Message: "cannot be read: " + reasonOf(err)})
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

func (r *reader) readFile(name, locale, file string) {
	p := path.Join(name, locale, file)
	switch {
	case name == sharedFolder && !sharedName.MatchString(file):
		r.add(Problem{File: p, Message: "a shared part is named <part>.txt or <part>.html"})
		return
	case name != sharedFolder && !slices.Contains(fileNames(), file):
		r.add(Problem{File: p, Message: "not one of " + strings.Join(fileNames(), ", ") + didYouMean(file, fileNames())})
		return
	case len(r.files) == MaxFiles:
		r.add(Problem{File: ".", Message: fmt.Sprintf("more than %d template files", MaxFiles)})
		return
	}
	text, err := r.content(p)
	if err != nil {
		r.add(Problem{File: p, Message: reasonOf(err)})
		return
	}
	r.files[p] = text
	if r.folders[name][locale] == nil {
		r.folders[name][locale] = map[string]source{}
	}
	r.folders[name][locale][file] = source{path: p, text: text}
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
