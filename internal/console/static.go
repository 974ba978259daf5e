package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

//go:embed static
var staticFiles embed.FS

// static serves the style, the script and the pictures, each under a name with the hash of its content, which browsers may keep for
// ever.
type static struct {
	// names gives the address of a file, and files what is there.
	names map[string]string
	files map[string][]byte
}

func newStatic() *static {
	s := &static{names: map[string]string{}, files: map[string][]byte{}}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		panic(fmt.Sprintf("embedded files of the console: %v", err)) // cannot be: they are in the binary
	}
	for _, entry := range entries {
		content, err := staticFiles.ReadFile("static/" + entry.Name())
		if err != nil {
			panic(fmt.Sprintf("embedded file %s: %v", entry.Name(), err))
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		s.names[entry.Name()] = root + "/static/" + name
		s.files[name] = content
	}
	return s
}

// address of a file, for templates; a name that is none fails the page, which a test sees.
func (s *static) address(name string) (string, error) {
	address, ok := s.names[name]
	if !ok {
		return "", fmt.Errorf("the console has no file %q", name)
	}
	return address, nil
}

func (s *static) serve(c echo.Context) error {
	name := c.Param("name")
	content, ok := s.files[name]
	if !ok {
		return errNothingHere()
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Blob(http.StatusOK, mime.TypeByExtension(path.Ext(name)), content)
}
