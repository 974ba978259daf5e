package cometchat

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestATreeSaysWhatEncodingJSONSays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		` { "a" : [ 1 , -2.5e3 , true , false , null , "" ] , "b" : { } , "c" : [ ] } `, `{"a":1,"a":{"a":2},"\u0061":[3]}`,
		`{"text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 \ud800 , } ]"}`, "{\"a\":\"\xff\",\"\xff\":1}", `[[[[{"a":[{}]}]]]]`, `"a text"`, `7`,
	} {
		RequireTree(t, []byte(text))
	}
	for trigger := range Catalogue() {
		body, _ := Sample(trigger)
		RequireTree(t, body)
	}
}

// RequireTree checks that the tree of a text is what encoding/json makes of it.
func RequireTree(t *testing.T, text []byte) {
	t.Helper()
	values, err := withinLimits(text)
	if err != nil || !json.Valid(text) {
		return
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var want any
	require.NoError(t, decoder.Decode(&want))
	root := value{tree: plant(string(text), values)}
	require.Equal(t, want, root.built())
	require.LessOrEqual(t, len(root.tree.nodes), values, "more room had to be made for it")
	fields, _ := want.(map[string]any)
	for key, expected := range fields {
		if !strings.ContainsRune(key, utf8.RuneError) { // nobody asks for what was not UTF-8
			require.Equal(t, expected, root.object().get(key).built())
		}
	}
}
