package server

import "golang.org/x/text/language"

// pageWords is what a page says to a person.
type pageWords struct {
	Title, Text string
	// Button is what the page's one button says; empty for a page without.
	Button string
}

// unsubscribeWords are all that the pages behind an unsubscribe link say, in one language.
type unsubscribeWords struct {
	lang                      string
	ask, done, unknown, later pageWords
}

// wordsFor chooses by an Accept-Language header; English where it names no language that we speak.
func wordsFor(accepted string) unsubscribeWords {
	spoken := []language.Tag{language.English, language.German}
	_, i := language.MatchStrings(language.NewMatcher(spoken), accepted)
	if spoken[i] == language.German {
		return german()
	}
	return english()
}

func english() unsubscribeWords {
	return unsubscribeWords{
		lang: "en",
		ask: pageWords{
			Title: "No more mails?", Button: "Unsubscribe",
			Text: "You will get no more mails about what you miss in the chat at this address.",
		},
		done:    pageWords{Title: "You are unsubscribed", Text: "We will send no more mails to this address."},
		unknown: pageWords{Title: "This link is not valid", Text: "Please use the whole link, as it stands in the mail."},
		later: pageWords{
			Title: "That did not work", Text: "You are not unsubscribed yet. Please try again in a minute.", Button: "Try again",
		},
	}
}

func german() unsubscribeWords {
	return unsubscribeWords{
		lang: "de",
		ask: pageWords{
			Title: "Keine E-Mails mehr?", Button: "Abmelden",
			Text: "An diese Adresse schicken wir dann keine E-Mails mehr über Verpasstes im Chat.",
		},
		done:    pageWords{Title: "Abgemeldet", Text: "An diese Adresse schicken wir keine E-Mails mehr."},
		unknown: pageWords{Title: "Dieser Link ist ungültig", Text: "Bitte den ganzen Link verwenden, so wie er in der E-Mail steht."},
		later: pageWords{
			Title: "Das hat nicht geklappt", Button: "Noch einmal versuchen",
			Text: "Die Abmeldung ist noch nicht gespeichert. Bitte in einer Minute noch einmal versuchen.",
		},
	}
}
