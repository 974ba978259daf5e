package vendortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/content"
	verrors "github.com/pb33f/libopenapi-validator/errors"
)

// SpecsVariable names the environment variable of SpecsDir.
const SpecsVariable = "BECKON_VENDOR_SPECS"

// SpecsDir is the folder of the vendors' OpenAPI documents, taken from the environment variable BECKON_VENDOR_SPECS. The
// documents are not ours to ship: without the variable the test is skipped, with that reason.
func SpecsDir(tb testing.TB) string {
	tb.Helper()
	dir, ok := os.LookupEnv(SpecsVariable)
	if !ok || dir == "" {
		tb.Skipf("%s is not set: the vendors' OpenAPI documents are third-party files and not part of this project", SpecsVariable)
	}
	return dir
}

// VectorsVariable names the environment variable of VectorsDir.
const VectorsVariable = "BECKON_VENDOR_VECTORS"

// VectorsDir is the folder of signatures that were made with the vendors' own tools (twilio-signatures.json,
// sendgrid-signatures.json), taken from the environment variable BECKON_VENDOR_VECTORS. They quote the vendors' own tests and so are
// not ours to ship: without the variable the test is skipped, with that reason.
func VectorsDir(tb testing.TB) string {
	tb.Helper()
	dir, ok := os.LookupEnv(VectorsVariable)
	if !ok || dir == "" {
		tb.Skipf("%s is not set: signatures made with the vendors' tools are third-party files and not part of this project", VectorsVariable)
	}
	return dir
}

// Specs also checks each request against the vendor's OpenAPI document in that folder: twilio_api_v2010.json or
// tsg_mail_v3.json, as the vendors publish them. What does not fit is a fault.
func Specs(dir string) Option {
	return func(tb testing.TB, s *server) {
		tb.Helper()
		check, err := loadDocument(dir, s.source)
		if err != nil {
			tb.Fatalf("load the vendor's OpenAPI document: %v", err)
		}
		s.document = check
	}
}

// source says where a vendor documents its send call.
type source struct {
	file, path string
}

var (
	twilioDocument = source{
		file: "twilio_api_v2010.json", path: "/2010-04-01/Accounts/{AccountSid}/Messages.json",
	}
	sendgridDocument = source{file: "tsg_mail_v3.json", path: "/v3/mail/send"}
)

// document finds what does not fit in a request.
type document func(r *http.Request, body []byte) []string

func loadDocument(dir string, from source) (document, error) {
	raw, err := os.ReadFile(filepath.Join(dir, from.file)) //nolint:gosec // the test names the folder
	if err != nil {
		return nil, err
	}
	raw, err = prune(raw, from.path)
	if err != nil {
		return nil, fmt.Errorf("prune %s: %w", from.file, err)
	}
	parsed, err := libopenapi.NewDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", from.file, err)
	}
	check, errs := validator.NewValidator(parsed,
		config.WithBodyDecoder("application/x-www-form-urlencoded", content.FormDecoder()), config.WithFormatAssertions())
	if len(errs) > 0 {
		return nil, fmt.Errorf("read %s: %w", from.file, errs[0])
	}
	var mu sync.Mutex
	return func(r *http.Request, body []byte) []string {
		mu.Lock()
		defer mu.Unlock()
		clone := r.Clone(r.Context())
		clone.Body = io.NopCloser(bytes.NewReader(body))
		_, findings := check.ValidateHttpRequestSync(clone)
		return explain(findings)
	}, nil
}

func explain(findings []*verrors.ValidationError) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Message+": "+f.Reason)
		for _, s := range f.SchemaValidationErrors {
			out = append(out, fmt.Sprintf("%s: %s", s.FieldPath, s.Reason))
		}
	}
	return out
}

// reference is a component that a part of a document refers to.
var reference = regexp.MustCompile(`"#/components/([^/"]+)/([^/"]+)"`)

// prune leaves one path of a document and the components that it needs. Twilio's has 200 paths, and reading all of them
// takes longer than all other tests of this project together.
func prune(raw []byte, path string) ([]byte, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	var paths map[string]json.RawMessage
	if err := json.Unmarshal(doc["paths"], &paths); err != nil {
		return nil, err
	}
	kept, ok := paths[path]
	if !ok {
		return nil, fmt.Errorf("no path %s", path)
	}
	var components map[string]map[string]json.RawMessage
	if err := json.Unmarshal(doc["components"], &components); err != nil {
		return nil, err
	}
	needed := map[string]map[string]json.RawMessage{"securitySchemes": components["securitySchemes"]}
	collect(kept, components, needed)
	var err error
	if doc["paths"], err = json.Marshal(map[string]json.RawMessage{path: kept}); err != nil {
		return nil, err
	}
	if doc["components"], err = json.Marshal(needed); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// collect adds to needed what part refers to, and what that refers to.
func collect(part json.RawMessage, components, needed map[string]map[string]json.RawMessage) {
	for _, match := range reference.FindAllSubmatch(part, -1) {
		kind, name := string(match[1]), string(match[2])
		component, ok := components[kind][name]
		if _, have := needed[kind][name]; have || !ok {
			continue
		}
		if needed[kind] == nil {
			needed[kind] = map[string]json.RawMessage{}
		}
		needed[kind][name] = component
		collect(component, components, needed)
	}
}
