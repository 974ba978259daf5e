package twilio

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Words are what people may write besides the words that Twilio knows by itself, in whatever languages.
type Words struct {
	Stop, Start, Help []string
}

// What somebody asks for by one word.
const (
	wordStop  = "stop"
	wordStart = "start"
	wordHelp  = "help"
)

// vocabulary says what each word asks for, and whether it is one of Twilio's own, which Twilio answers by itself.
type vocabulary map[string]meaning

type meaning struct {
	asks string
	// ours is a word that Twilio does not know.
	ours bool
}

// twilioWords are those that Twilio knows without Advanced Opt-Out, as its documentation lists them.
func twilioWords() map[string][]string {
	return map[string][]string{
		wordStop:  {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"},
		wordStart: {"START", "YES", "UNSTOP"},
		wordHelp:  {"HELP", "INFO"},
	}
}

// newVocabulary joins Twilio's words with ours. A word that would mean two things is refused.
func newVocabulary(w Words) (vocabulary, error) {
	v := vocabulary{}
	for asks, words := range twilioWords() {
		for _, word := range words {
			v[bare(word)] = meaning{asks: asks}
		}
	}
	for _, list := range []struct {
		setting, asks string
		words         []string
	}{
		{"BECKON_SMS_STOP_WORDS", wordStop, w.Stop},
		{"BECKON_SMS_START_WORDS", wordStart, w.Start},
		{"BECKON_SMS_HELP_WORDS", wordHelp, w.Help},
	} {
		for _, word := range list.words {
			known, there := v[bare(word)]
			switch {
			case bare(word) == "":
				return nil, fmt.Errorf("%s: %q has neither a letter nor a digit", list.setting, word)
			case there && known.asks != list.asks:
				return nil, fmt.Errorf("%s: %q is a word for %s already", list.setting, word, strings.ToUpper(known.asks))
			case !there:
				v[bare(word)] = meaning{asks: list.asks, ours: true}
			}
		}
	}
	return v, nil
}

// bare is a text as it is compared: in one case and one form of Unicode, with single spaces, and without what is neither letter nor
// digit around it ("Stop!", "»STOP«").
func bare(text string) string {
	text = strings.TrimFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) })
	text = strings.Join(strings.Fields(text), " ")
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
}

// maxWord is longer than any word that somebody would be told to write, in bytes: longer texts are none.
const maxWord = 200

// of tells what a message asks for; nothing where that is nothing of ours to do. Where Twilio says it, that counts; otherwise the
// whole text must be a word.
func (v vocabulary) of(optOutType, body string) meaning {
	switch strings.ToUpper(strings.TrimSpace(optOutType)) {
	case "STOP":
		return meaning{asks: wordStop}
	case "START":
		return meaning{asks: wordStart}
	case "HELP":
		return meaning{asks: wordHelp}
	}
	if body = strings.TrimSpace(body); len(body) > maxWord {
		return meaning{}
	}
	return v[bare(body)]
}

// TwiML is the answer to a message: nothing, or a text to whoever wrote it.
func TwiML(text string) string {
	if text == "" {
		return "<Response/>"
	}
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a Builder takes everything
	return "<Response><Message>" + escaped.String() + "</Message></Response>"
}
