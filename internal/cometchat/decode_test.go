package cometchat_test

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

// received is when the webhooks of these tests arrive: long after they say they were sent.
var received = time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)

// fields are what a data file expects of an event: path to value, as text.
type fields map[string]string

func TestEverySampleDecodesAsItsDataFileSays(t *testing.T) {
	t.Parallel()
	var want map[relay.Trigger]fields
	load(t, "samples.yaml", &want)
	for trigger := range cometchat.Catalogue() {
		t.Run(string(trigger), func(t *testing.T) {
			t.Parallel()
			body, ok := cometchat.Sample(trigger)
			require.True(t, ok, "no samples/%s.json", trigger)
			require.NotEmpty(t, want[trigger], "no entry in testdata/samples.yaml")
			event := decode(t, body)
			require.Equal(t, trigger, event.Trigger)
			require.Equal(t, "2648139a7c5b41d0", event.AppID)
			require.Equal(t, "eu", event.Region)
			require.Equal(t, received, event.ReceivedAt)
			requireFields(t, want[trigger], event)
		})
	}
	for trigger := range want {
		require.Contains(t, cometchat.Catalogue(), trigger, "samples.yaml names a trigger that is not known")
	}
}

func TestOtherShapesDecodeAsTheirDataFileSays(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string
		Webhook string
		Expect  fields
	}
	load(t, "cases.yaml", &cases)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, c.Expect)
			requireFields(t, c.Expect, decode(t, []byte(c.Webhook)))
		})
	}
}

func TestBrokenBodiesAreRefusedWithoutEchoingThem(t *testing.T) {
	t.Parallel()
	deep := `{"trigger":"hush","data":{"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}`
	wide := `{"trigger":"hush","data":{"x":[` + strings.Repeat("1,", 100_001) + `1]}}`
	cases := []struct{ name, body, code, says string }{
		{"empty", ``, cometchat.CodeNotJSON, "byte 0 of 0"},
		{"cut off", `{"trigger":"hush","data":{`, cometchat.CodeNotJSON, "byte 26 of 26"},
		{"open string", `{"trigger":"hush`, cometchat.CodeNotJSON, "not valid JSON"},
		{"a form", `trigger=hush`, cometchat.CodeNotJSON, "not valid JSON at byte 3 of 12"},
		{"more after it", `{"trigger":"hush","data":{}} {}`, cometchat.CodeNotJSON, "goes on"},
		{"garbage after it", `{"trigger":"hush","data":{}} hush`, cometchat.CodeNotJSON, "goes on"},
		{"an array", `[{"trigger":"hush","data":{}}]`, cometchat.CodeNotJSON, "not an object"},
		{"null", `null`, cometchat.CodeNotJSON, "not an object"},
		{"too deep", deep, cometchat.CodeNotJSON, "at most 64 levels"},
		{"too many values", wide, cometchat.CodeNotJSON, "at most 100000"},
		{"no trigger", `{"data":{"hush":1}}`, cometchat.CodeNoTrigger, `"trigger" must be`},
		{"empty trigger", `{"trigger":"","data":{}}`, cometchat.CodeNoTrigger, `"trigger" must be`},
		{"trigger is a number", `{"trigger":1,"data":{}}`, cometchat.CodeNoTrigger, `"trigger" must be`},
		{"trigger is too long", `{"trigger":"` + strings.Repeat("x", 101) + `","data":{}}`, cometchat.CodeNoTrigger, "100 bytes"},
		{"trigger plays with a terminal", `{"trigger":"\u001b[31mhush","data":{}}`, cometchat.CodeNoTrigger, "control characters"},
		{"no data", `{"trigger":"hush"}`, cometchat.CodeNoData, `"data" must be`},
		{"data is null", `{"trigger":"hush","data":null}`, cometchat.CodeNoData, `"data" must be`},
		{"data is a text", `{"trigger":"hush","data":"hush"}`, cometchat.CodeNoData, `"data" must be`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := cometchat.Decode([]byte(c.body), received)
			var refused *cometchat.DecodeError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.code, refused.Code)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "hush")
		})
	}
}

func TestBracketsAndQuotesInTextsCountForNothing(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(`[{\"`, 200)
	event := decode(t, []byte(`{"trigger":"message_sent","data":{"message":{"id":"1","data":{"text":"`+text+`"}}}}`))
	require.Len(t, event.Message.Text.Reveal(), 600)
}

func TestRawIsTheBodyAsSentAndTheEventsOwn(t *testing.T) {
	t.Parallel()
	body := []byte("{ \"trigger\" :\"x\",\"data\":{\"t\":\"\xff\"} }\n")
	want := string(body)
	event := decode(t, body)
	clear(body)
	require.Equal(t, want, string(event.Raw))
}

func TestListsOfPeopleAreBounded(t *testing.T) {
	t.Parallel()
	var members, occupants, files []string
	for i := range 1500 {
		members = append(members, fmt.Sprintf(`"u%04d":{"uid":"u%04d"}`, i, i))
		occupants = append(occupants, fmt.Sprintf(`{"uid":"u%04d"}`, i))
		files = append(files, `{"url":"https://x.example"}`)
	}
	added := decode(t, []byte(`{"trigger":"group_member_added","data":{"group":{"guid":"g"},"members":{`+strings.Join(members, ",")+`}}}`))
	require.Len(t, added.Members, 1000)
	ended := decode(t, []byte(`{"trigger":"call_ended","data":{"all_occupants":[`+strings.Join(occupants, ",")+`]}}`))
	require.Len(t, ended.Users, 1000)
	sent := decode(t, []byte(`{"trigger":"message_sent","data":{"message":{"data":{"attachments":[`+strings.Join(files, ",")+`]}}}}`))
	require.Len(t, sent.Message.Attachments, 1000)
}

// load reads a data file of testdata.
func load(t *testing.T, file string, into any) {
	t.Helper()
	data, err := fs.ReadFile(os.DirFS("testdata"), file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, into))
}

func decode(t *testing.T, body []byte) relay.Event {
	t.Helper()
	event, err := cometchat.Decode(body, received)
	require.NoError(t, err)
	return event
}

// requireFields compares the fields that a data file names with those of the event.
func requireFields(t *testing.T, want fields, event relay.Event) {
	t.Helper()
	view, ok := relay.WholeEventShape().View(&event).(map[string]any)
	require.True(t, ok)
	view["noise"], view["repeat"] = string(event.Noise), event.Repeat.Window
	for path, value := range want {
		require.Equal(t, value, written(t, path, view), path)
	}
}

// written finds the value at a path and writes it as data files do.
func written(t *testing.T, path string, value any) string {
	t.Helper()
	for key := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			require.Contains(t, v, key, "%s: no such field", path)
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			require.NoError(t, err, path)
			require.Less(t, i, len(v), "%s: too few", path)
			value = v[i]
		default:
			require.Fail(t, "no such field", path)
		}
	}
	switch v := value.(type) {
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.Format(time.RFC3339Nano)
	case []any:
		return fmt.Sprintf("%d items", len(v))
	default:
		return fmt.Sprint(v)
	}
}
