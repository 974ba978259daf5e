package twilio

import (
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWordThatWouldMeanTwoThingsIsRefused(t *testing.T) {
	t.Parallel()
	for want, words := range map[string]Words{
		`BECKON_SMS_START_WORDS: "stop!" is a word for STOP already`:    {Start: []string{"Weiter", "stop!"}},
		`BECKON_SMS_HELP_WORDS: "Ja" is a word for START already`:       {Start: []string{"JA"}, Help: []string{"Ja"}},
		`BECKON_SMS_STOP_WORDS: "Info" is a word for HELP already`:      {Stop: []string{"Info"}},
		`BECKON_SMS_STOP_WORDS: "..." has neither a letter nor a digit`: {Stop: []string{"..."}},
		`BECKON_SMS_HELP_WORDS: "Straße" is a word for START already`:   {Start: []string{"STRASSE"}, Help: []string{"Straße"}},
	} {
		_, err := newVocabulary(words)
		require.EqualError(t, err, want)
		_, err = NewCallbacks(CallbackConfig{AuthTokens: []string{"t"}, PublicURL: publicURL, Words: words})
		require.ErrorContains(t, err, "read what people write: BECKON_SMS_")
	}
	_, err := newVocabulary(Words{Stop: []string{"STOP", "Halt", "halt "}})
	require.NoError(t, err, "to say it twice does no harm")
}

func TestAnAnswerIsTextAndNoMarkup(t *testing.T) {
	t.Parallel()
	require.Equal(t, "<Response/>", TwiML(""))
	const text = `Write to help@example.com & say "hello" </Message><Message>`
	made := TwiML(text)
	var read struct {
		XMLName xml.Name `xml:"Response"`
		Message []string
	}
	require.NoError(t, xml.Unmarshal([]byte(made), &read))
	require.Equal(t, []string{text}, read.Message)
	require.NotContains(t, TwiML("a\x00b"), "\x00", "it would be no XML")
}

func FuzzWords(f *testing.F) {
	v, err := newVocabulary(Words{Stop: []string{"ARRÊT"}})
	require.NoError(f, err)
	f.Add("", " stop!")
	f.Add("HELP", "\xff\xfe")
	f.Fuzz(func(t *testing.T, optOutType, body string) {
		said := v.of(optOutType, body)
		require.Contains(t, []string{"", wordStop, wordStart, wordHelp}, said.asks)
		if said.asks != "" && optOutType == "" {
			require.Equal(t, said, v.of("", "... "+body+" !"), "signs around it do not matter")
		}
	})
}
