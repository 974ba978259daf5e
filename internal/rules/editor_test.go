package rules_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/rules"
)

// languageServer is what editors check YAML with, in a version that runs on Node 20.
const languageServer = "yaml-language-server@1.25.0"

// installed gives the path of the language server, which is installed once for each version.
func installed(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	require.NoError(t, err, "npm installs %s; .ci/need browser installs npm", languageServer)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	folder := filepath.Join(cache, "beckon-test", languageServer)
	server := filepath.Join(folder, "node_modules", "yaml-language-server", "bin", "yaml-language-server")
	if _, err := os.Stat(server); err == nil {
		return server
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(folder), 0o750))
	fresh, err := os.MkdirTemp(filepath.Dir(folder), "fresh-") //nolint:usetesting // beside where it is renamed to
	require.NoError(t, err)
	defer os.RemoveAll(fresh)                                                                                                 //nolint:errcheck // gone where it was renamed
	install := exec.CommandContext(t.Context(), npm, "install", "--prefix", fresh, "--no-audit", "--no-fund", languageServer) //nolint:gosec // our own words
	out, err := install.CombinedOutput()
	require.NoError(t, err, string(out))
	// Renamed when complete, so that a test that was stopped leaves nothing half done behind.
	if err := os.Rename(fresh, folder); err != nil {
		require.FileExists(t, server, "another test was faster, or: %v", err)
	}
	return server
}

// message is one of the Language Server Protocol, in either direction.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      *int            `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// editor is the client's end of a language server.
type editor struct {
	t    *testing.T
	to   io.Writer
	from *bufio.Reader
	last int
}

// open starts the language server for a folder, as an editor does that has no settings of its own.
func open(t *testing.T, folder string) *editor {
	t.Helper()
	server := installed(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	c := exec.CommandContext(ctx, "node", server, "--stdio") //nolint:gosec // what was just installed
	to, err := c.StdinPipe()
	require.NoError(t, err)
	from, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		cancel()
		_ = c.Wait() // it was killed
	})
	e := &editor{t: t, to: to, from: bufio.NewReader(from)}
	e.ask("initialize", map[string]any{
		"processId": os.Getpid(), "rootUri": uri(folder), "capabilities": map[string]any{},
		"workspaceFolders": []any{map[string]any{"uri": uri(folder), "name": "rules"}},
	})
	e.send(message{Method: "initialized", Params: map[string]any{}})
	e.send(message{Method: "workspace/didChangeConfiguration", Params: map[string]any{"settings": map[string]any{"yaml": map[string]any{
		"validate": true, "completion": true, "hover": true, "schemaStore": map[string]any{"enable": false},
	}}}})
	return e
}

func uri(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

func (e *editor) send(m message) {
	e.t.Helper()
	m.JSONRPC = "2.0"
	body, err := json.Marshal(m)
	require.NoError(e.t, err)
	_, err = fmt.Fprintf(e.to, "Content-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(e.t, err)
}

// next reads a message. What the server asks is answered by nothing, which it takes for "as you like".
func (e *editor) next() message {
	e.t.Helper()
	header, err := textproto.NewReader(e.from).ReadMIMEHeader()
	require.NoError(e.t, err)
	size, err := strconv.Atoi(header.Get("Content-Length"))
	require.NoError(e.t, err)
	body := make([]byte, size)
	_, err = io.ReadFull(e.from, body)
	require.NoError(e.t, err)
	var m message
	require.NoError(e.t, json.Unmarshal(body, &m))
	if m.ID != nil && m.Method != "" {
		e.send(message{ID: m.ID, Result: json.RawMessage("null")})
	}
	return m
}

// ask sends a request and gives its result.
func (e *editor) ask(method string, params any) json.RawMessage {
	e.t.Helper()
	e.last++
	id := e.last
	e.send(message{ID: &id, Method: method, Params: params})
	for {
		if m := e.next(); m.Method == "" && m.ID != nil && *m.ID == id {
			require.Empty(e.t, m.Error)
			return m.Result
		}
	}
}

// write shows a file to the server and waits for what it finds wrong, as "line: message", lines from 1.
func (e *editor) write(path, content string) []string {
	e.t.Helper()
	e.send(message{Method: "textDocument/didOpen", Params: map[string]any{
		"textDocument": map[string]any{"uri": uri(path), "languageId": "yaml", "version": 1, "text": content},
	}})
	for {
		m := e.next()
		if m.Method != "textDocument/publishDiagnostics" {
			continue
		}
		params, err := json.Marshal(m.Params)
		require.NoError(e.t, err)
		var published struct {
			URI         string
			Diagnostics []struct {
				Range   struct{ Start struct{ Line int } }
				Message string
			}
		}
		require.NoError(e.t, json.Unmarshal(params, &published))
		if published.URI != uri(path) {
			continue
		}
		found := []string{}
		for _, d := range published.Diagnostics {
			found = append(found, fmt.Sprintf("%d: %s", d.Range.Start.Line+1, d.Message))
		}
		return found
	}
}

// completions are what the server offers behind the text of a line, each with what it says about it.
func (e *editor) completions(path string, line, character int) map[string]string {
	e.t.Helper()
	result := e.ask("textDocument/completion", map[string]any{
		"textDocument": map[string]any{"uri": uri(path)}, "position": map[string]any{"line": line - 1, "character": character},
	})
	var list struct {
		Items []struct {
			Label         string
			Documentation any
		}
	}
	require.NoError(e.t, json.Unmarshal(result, &list))
	out := map[string]string{}
	for _, item := range list.Items {
		out[item.Label] = fmt.Sprint(item.Documentation)
	}
	return out
}

// project is a folder with the schema where the shipped file's first line says that it is, and that line.
func project(t *testing.T) (folder, modeline string) {
	t.Helper()
	shipped, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	modeline, _, _ = strings.Cut(string(shipped), "\n")
	require.Equal(t, "# yaml-language-server: $schema=docs/rules.schema.json", modeline)
	folder, err = filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "docs"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "docs", "rules.schema.json"), rules.Schema(catalogue()), 0o600))
	return folder, modeline
}

func TestAnEditorShowsMistakesAndHelps(t *testing.T) {
	t.Parallel()
	folder, modeline := project(t)
	e := open(t, folder)
	broken := filepath.Join(folder, "broken.yaml")
	found := e.write(broken, modeline+`
version: 1
rules:
  - name: a
    trigger: user_mentiond
    to: mentioned
    sends: [ { sms: t } ]
    send: [ { sms: t } ]
`)
	require.Len(t, found, 2)
	require.Contains(t, found[0], "5: Value is not accepted. Valid values: ")
	require.Contains(t, found[0], `"user_mentioned"`)
	require.Equal(t, "7: Property sends is not allowed.", found[1])

	offered := e.completions(broken, 5, len("    trigger: "))
	for trigger, spec := range catalogue() {
		require.Equal(t, spec.Summary, offered[string(trigger)], trigger)
	}
	help := e.ask("textDocument/hover", map[string]any{
		"textDocument": map[string]any{"uri": uri(broken)}, "position": map[string]any{"line": 5, "character": 5},
	})
	require.Contains(t, string(help), "Who is told")
}

func TestAnEditorFindsNothingWrongWithTheShippedRules(t *testing.T) {
	t.Parallel()
	folder, _ := project(t)
	shipped, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	require.Empty(t, open(t, folder).write(filepath.Join(folder, "rules.yaml"), string(shipped)))
}
