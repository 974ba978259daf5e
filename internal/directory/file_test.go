package directory_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
)

func texts(problems []directory.Problem) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	return all
}

func TestEveryKeyIsReadAndNormalised(t *testing.T) {
	t.Parallel()
	file, problems := directory.LoadFile(filepath.Join("testdata", "good", "everything.yaml"))
	require.Empty(t, texts(problems))

	ann, err := file.Lookup(t.Context(), "ANN-1")
	require.NoError(t, err)
	require.Len(t, ann.Mutes, 1)
	require.True(t, ann.Mutes[0].Until.Equal(time.Date(2030, 1, 31, 7, 0, 0, 0, time.UTC)))
	ann.Mutes[0].Until = time.Time{}
	require.Equal(t, relay.Contact{
		UID: "ann-1", Name: "Ann Ääkkönen", Email: "ann@example.com", Phone: "+14155550123", Locale: "de-AT",
		TimeZone: "Europe/Vienna", Channels: []relay.Channel{relay.ChannelEmail, relay.ChannelSMS},
		QuietHours: []relay.QuietHours{{From: 21*60 + 30, To: 8 * 60, Set: true}},
		Mutes:      []relay.Mute{{Conversations: []string{"group_hiking", "ann-1_user_bob"}}},
	}, ann)

	digits, err := file.Lookup(t.Context(), "1234")
	require.NoError(t, err)
	require.Equal(t, relay.Contact{
		UID: "1234", Name: "007", Phone: "+491512345678", Mutes: []relay.Mute{{Conversations: []string{"group_noise"}}},
	}, digits)

	bob, err := file.Lookup(t.Context(), "bob")
	require.NoError(t, err)
	require.Equal(t, relay.Contact{UID: "bob", Phone: "+491512345678", Email: "bob@xn--bcher-kva.example", TimeZone: "UTC"}, bob)

	eve, err := file.Lookup(t.Context(), "eve")
	require.NoError(t, err)
	require.Equal(t, relay.Contact{UID: "eve"}, eve)

	pat, err := file.Lookup(t.Context(), "max")
	require.NoError(t, err)
	require.Equal(t, relay.Contact{
		UID: "max", QuietHours: []relay.QuietHours{{From: 720, To: 780, Set: true}, {From: 1320, To: 360, Set: true}}, Mutes: []relay.Mute{
			{Everything: true, Until: time.Date(2030, 1, 31, 7, 0, 0, 0, time.UTC)}, {Rules: []string{"missed-call", "mention"}},
		},
	}, pat)

	_, err = file.Lookup(t.Context(), "nobody")
	require.ErrorIs(t, err, directory.ErrUnknown)
}

// expected are the problems that a file of testdata/bad announces in its own comments: "#~ line:column message".
var expected = regexp.MustCompile(`#~ (\d+:\d+) (.*)`)

func TestEveryProblemIsShownAtOnceWithItsPlace(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "bad", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(path)
			require.NoError(t, err)
			var want []string
			for _, found := range expected.FindAllStringSubmatch(string(src), -1) {
				want = append(want, path+":"+found[1]+": "+found[2])
			}
			require.NotEmpty(t, want)
			file, problems := directory.LoadFile(path)
			require.Nil(t, file, "a file with problems must not be usable")
			require.Equal(t, want, texts(problems))
		})
	}
}

func TestAFileThatIsNoYAMLNamesTheLine(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"ann: {}\nbob: [\n":           "people.yaml:2: not YAML near here: did not find expected node content",
		"ann: {}\n\tbob: {}\n":        "people.yaml:2: not YAML near here: found character that cannot start any token",
		"ann: {}\n...\nbob: [":        "people.yaml:2: not YAML near here: did not find expected <document start>",
		"ann: {name: \"\xff\"}":       "people.yaml: not YAML near here: invalid leading UTF-8 octet",
		"ann: {name: \"\x01\"}":       "people.yaml: not YAML near here: control characters are not allowed",
		"ann: {name: *ghost}":         "people.yaml: not YAML near here: unknown anchor 'ghost' referenced",
		strings.Repeat("[", 20_000):   "people.yaml: not YAML near here: exceeded max depth of 10000",
		strings.Repeat("x", 16<<20+1): "people.yaml: is larger than 16 MiB",
	} {
		file, problems := directory.ParseFile("people.yaml", []byte(src))
		require.Nil(t, file)
		require.Equal(t, []string{want}, texts(problems), "%.40q", src)
	}
}

func TestAFileWithoutAnybodyKnowsNobody(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"", "\n", "# nobody yet\n", "---\n", "null\n", "{}\n"} {
		file, problems := directory.ParseFile("people.yaml", []byte(src))
		require.Empty(t, texts(problems), "%q", src)
		_, err := file.Lookup(t.Context(), "ann")
		require.ErrorIs(t, err, directory.ErrUnknown)
	}
}

func TestAFileThatCannotBeReadIsAProblem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, problems := directory.LoadFile(filepath.Join(dir, "gone.yaml"))
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "gone.yaml: open the file of recipients: ")
	_, problems = directory.LoadFile(dir)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "read the file of recipients: ")
}

func TestAFileThatIsWrongThroughoutEndsItsReport(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&src, "u%d: { locale: %s }\n", i, strings.Repeat("x", 200))
	}
	_, problems := directory.ParseFile("people.yaml", []byte(src.String()))
	require.Len(t, problems, 101)
	require.Equal(t, "people.yaml: has more problems; the first 100 are shown", problems[100].String())
	require.Less(t, len(problems[0].String()), 150, "what is quoted is cut short")
}

func TestTheHashIsThatOfTheText(t *testing.T) {
	t.Parallel()
	hash := func(src string) string {
		file, problems := directory.ParseFile("people.yaml", []byte(src))
		require.Empty(t, texts(problems))
		return file.Hash()
	}
	first, second := hash("ann: {}"), hash("ann: {}")
	require.Equal(t, first, second)
	require.NotEqual(t, hash("ann: {}"), hash("ann: { name: Ann }"))
	require.Len(t, hash(""), 64)
}

func TestNoAddressIsQuotedInAProblem(t *testing.T) {
	t.Parallel()
	src := "ann: { phone: 015123456789, email: ann.smith@@example.com }\nbob: { phone: +1234567890123456789, email: 'Bob <bob.brown@example.com>' }"
	_, problems := directory.ParseFile("people.yaml", []byte(src))
	require.Len(t, problems, 4)
	for _, text := range texts(problems) {
		for _, private := range []string{"15123456789", "smith", "1234567890", "brown"} {
			require.NotContains(t, text, private)
		}
	}
}

func FuzzParseFileKeepsOnlyWhatCanBeUsed(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
		require.NoError(f, err)
		for _, path := range files {
			src, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(string(src), "ann-1")
		}
	}
	f.Add("? [a]\n: {}\n", "a")
	f.Add("a: {email: \"a\\r\\nb@example.com\", phone: '+1 (415) 555-0123'}", "a")
	number := regexp.MustCompile(`^\+[1-9]\d{4,16}$`)
	address := regexp.MustCompile(`^[!-~]+@[!-~]+\.[!-~]+$`)
	f.Fuzz(func(t *testing.T, src, uid string) {
		file, problems := directory.ParseFile("f", []byte(src))
		require.Equal(t, len(problems) > 0, file == nil)
		if file == nil {
			return
		}
		contact, err := file.Lookup(t.Context(), uid)
		if err != nil {
			require.ErrorIs(t, err, directory.ErrUnknown)
			return
		}
		require.Equal(t, strings.ToLower(uid), contact.UID)
		require.True(t, contact.Phone == "" || number.MatchString(contact.Phone.Reveal()), contact.Phone.Reveal())
		require.True(t, contact.Email == "" || address.MatchString(contact.Email.Reveal()), contact.Email.Reveal())
		if _, err := time.LoadLocation(contact.TimeZone); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPeopleInsideAnotherFileAreReadWithTheirPlaces(t *testing.T) {
	t.Parallel()
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte("tests: []\nrecipients:\n  Ann: { name: Ann, phone: \"+44 20 7946 0102\" }\n"), &document))
	file, problems := directory.ParseNode("rules.test.yaml", document.Content[0].Content[3])
	require.Empty(t, problems)
	contact, err := file.Lookup(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, "+442079460102", contact.Phone.Reveal())

	require.NoError(t, yaml.Unmarshal([]byte("recipients:\n  ann: { phon: 1, email: x }\n"), &document))
	_, problems = directory.ParseNode("rules.test.yaml", document.Content[0].Content[1])
	require.Len(t, problems, 2)
	require.Equal(t, "rules.test.yaml:2:10: unknown key \"phon\"; did you mean phone?", problems[0].String())
}
