package config

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Words are what people may write back to a text, by what they ask for.
type Words struct {
	Stop, Start, Help []string
}

const (
	// maxWords and maxWordLength bound a list of words; the length is in characters.
	maxWords      = 100
	maxWordLength = 40
	// maxReply is three segments of a text with letters beyond GSM-7, in characters.
	maxReply = 201
)

func consentTable() []entry {
	return []entry{
		{
			Setting{Name: "BECKON_SMS_STOP_WORDS", Help: "texts that stop texts besides STOP and the like, as ARRET,PARAR"},
			func(c *Config, v string) error { return readWords(&c.Words.Stop, v) },
		},
		{
			Setting{Name: "BECKON_SMS_START_WORDS", Help: "texts that take it back besides START, YES and UNSTOP"},
			func(c *Config, v string) error { return readWords(&c.Words.Start, v) },
		},
		{
			Setting{Name: "BECKON_SMS_HELP_WORDS", Help: "texts that ask for help besides HELP and INFO"},
			func(c *Config, v string) error { return readWords(&c.Words.Help, v) },
		},
		{
			Setting{Name: "BECKON_SMS_HELP_REPLY", Help: "answer to those; Twilio answers HELP and INFO itself"},
			func(c *Config, v string) error { return readReply(&c.HelpReply, v) },
		},
	}
}

// readWords leaves it to who reads texts what makes two words the same.
func readWords(to *[]string, value string) error {
	var faults []error
	for i, item := range items(value) {
		switch {
		case item == "":
			faults = append(faults, fmt.Errorf("entry %d is empty", i+1))
		case utf8.RuneCountInString(item) > maxWordLength:
			faults = append(faults, fmt.Errorf("entry %d is longer than %d characters", i+1, maxWordLength))
		case i == maxWords:
			faults = append(faults, fmt.Errorf("there are more than %d words", maxWords))
		case i < maxWords:
			*to = append(*to, item)
		}
	}
	return errors.Join(faults...)
}

func readReply(to *string, value string) error {
	if n := utf8.RuneCountInString(value); n > maxReply {
		return fmt.Errorf("has %d characters; an answer by text may have %d, which are three segments", n, maxReply)
	}
	if !utf8.ValidString(value) {
		return errors.New("is not UTF-8")
	}
	*to = value
	return nil
}
