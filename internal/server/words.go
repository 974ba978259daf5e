package server

// unsubscribeWords are all that the pages behind the link in a mail say, in one language. What a rule is called is for operators; to
// a person the kind of a message is "like the mail" that they came from.
type unsubscribeWords struct {
	lang string
	// ask, done, unknown and later are titles.
	ask, done, unknown, later string
	// How things are.
	mailOn, mailOff, mailBlocked, kindOff string
	// What can be done about it.
	stopKind, stopMail, resumeKind, resumeAll, again string
	// What went wrong.
	wholeLink, notKept, notNow string
	// texts says how texts are stopped.
	texts string
}

// view is the page for how things are: each line says one thing, and the buttons what can be changed.
func (w unsubscribeWords) view(s Standing, title string) pageView {
	v := pageView{Lang: w.lang, Title: title, Address: s.Address, Note: w.texts}
	switch s.Mail {
	case MailOn:
		v.Lines = append(v.Lines, w.mailOn)
	case MailOff:
		v.Lines = append(v.Lines, w.mailOff)
	case MailBlocked:
		v.Lines = append(v.Lines, w.mailBlocked)
	}
	if s.Kind == KindOff {
		v.Lines = append(v.Lines, w.kindOff)
	}
	if s.Kind == KindOn && s.Mail == MailOn {
		v.Buttons = append(v.Buttons, buttonOf(WishNoKind, w.stopKind))
	}
	switch {
	case s.Mail == MailOff:
		v.Buttons = append(v.Buttons, buttonOf(WishResume, w.resumeAll))
	case s.Kind == KindOff:
		v.Buttons = append(v.Buttons, buttonOf(WishResume, w.resumeKind))
	}
	if s.Mail == MailOn {
		v.Buttons = append(v.Buttons, buttonOf(WishNoMail, w.stopMail))
	}
	for i := range v.Buttons {
		v.Buttons[i].Quiet = i > 0
	}
	return v
}

// wordsFor chooses by the person's locale, where that is a language we speak, else by an Accept-Language header; English where
// neither names one.
func wordsFor(locale, accepted string) unsubscribeWords {
	all := []unsubscribeWords{english(), german(), french(), spanish()}
	spoken := make([]string, len(all))
	for i, words := range all {
		spoken[i] = words.lang
	}
	return all[languageFor(spoken, locale, accepted)]
}

func english() unsubscribeWords {
	return unsubscribeWords{
		lang: "en", ask: "Your mails from the chat", done: "Saved", unknown: "This link is not valid", later: "That did not work",
		mailOn:      "You get mails about what you miss in the chat at this address.",
		mailOff:     "You are unsubscribed: we send no more mails to this address.",
		mailBlocked: "We send no mails to this address: it could not be reached, or somebody asked us not to. Only whoever runs the chat can change that.",
		kindOff:     "You get no more messages like the mail you came from.",
		stopKind:    "No more messages like this mail", stopMail: "No more mails at all",
		resumeKind: "Send me messages like that again", resumeAll: "Send me mails again", again: "Try again",
		wholeLink: "Please use the whole link, as it stands in the mail.",
		notKept:   "Nothing is changed yet. Please try again in a minute.", notNow: "Please open the link again in a minute.",
		texts: "To get no more text messages, answer one with STOP.",
	}
}

func german() unsubscribeWords {
	return unsubscribeWords{
		lang: "de", ask: "Ihre E-Mails aus dem Chat", done: "Gespeichert", unknown: "Dieser Link ist ungültig",
		later:       "Das hat nicht geklappt",
		mailOn:      "An diese Adresse schicken wir E-Mails über Verpasstes im Chat.",
		mailOff:     "Sie sind abgemeldet: An diese Adresse schicken wir keine E-Mails mehr.",
		mailBlocked: "An diese Adresse schicken wir keine E-Mails: Sie war nicht erreichbar, oder jemand hat uns darum gebeten. Ändern kann das nur, wer den Chat betreibt.",
		kindOff:     "Nachrichten wie die E-Mail, von der Sie kommen, schicken wir Ihnen nicht mehr.",
		stopKind:    "Keine Nachrichten wie diese E-Mail mehr", stopMail: "Gar keine E-Mails mehr",
		resumeKind: "Solche Nachrichten wieder schicken", resumeAll: "Wieder E-Mails schicken", again: "Noch einmal versuchen",
		wholeLink: "Bitte den ganzen Link verwenden, so wie er in der E-Mail steht.",
		notKept:   "Noch ist nichts geändert. Bitte in einer Minute noch einmal versuchen.",
		notNow:    "Bitte den Link in einer Minute noch einmal öffnen.",
		texts:     "Damit keine SMS mehr kommen, antworten Sie auf eine mit STOP.",
	}
}

func french() unsubscribeWords {
	return unsubscribeWords{
		lang: "fr", ask: "Vos e-mails du chat", done: "Enregistré", unknown: "Ce lien n’est pas valable",
		later:       "Cela n’a pas fonctionné",
		mailOn:      "À cette adresse, nous envoyons des e-mails sur ce que vous manquez dans le chat.",
		mailOff:     "C’est noté : nous n’envoyons plus d’e-mails à cette adresse.",
		mailBlocked: "Nous n’envoyons pas d’e-mails à cette adresse : elle n’a pas pu être jointe, ou quelqu’un nous l’a demandé. Seuls ceux qui gèrent le chat peuvent changer cela.",
		kindOff:     "Vous ne recevez plus de messages comme l’e-mail dont vous venez.",
		stopKind:    "Plus de messages comme cet e-mail", stopMail: "Plus aucun e-mail",
		resumeKind: "Recevoir à nouveau ces messages", resumeAll: "Recevoir à nouveau les e-mails", again: "Réessayer",
		wholeLink: "Veuillez utiliser le lien entier, tel qu’il figure dans l’e-mail.",
		notKept:   "Rien n’est encore changé. Veuillez réessayer dans une minute.",
		notNow:    "Veuillez rouvrir le lien dans une minute.",
		texts:     "Pour ne plus recevoir de SMS, répondez STOP à l’un d’eux.",
	}
}

func spanish() unsubscribeWords {
	return unsubscribeWords{
		lang: "es", ask: "Sus correos del chat", done: "Guardado", unknown: "Este enlace no es válido", later: "No ha funcionado",
		mailOn:      "A esta dirección le enviamos correos sobre lo que se pierde en el chat.",
		mailOff:     "Se ha dado de baja: ya no enviamos correos a esta dirección.",
		mailBlocked: "No enviamos correos a esta dirección: no se pudo contactar con ella o alguien nos lo pidió. Solo quien gestiona el chat puede cambiarlo.",
		kindOff:     "Ya no recibe mensajes como el correo que le ha traído aquí.",
		stopKind:    "No más mensajes como este correo", stopMail: "No más correos",
		resumeKind: "Volver a recibir estos mensajes", resumeAll: "Volver a recibir correos", again: "Intentar de nuevo",
		wholeLink: "Use el enlace completo, tal como figura en el correo.",
		notKept:   "Aún no se ha cambiado nada. Inténtelo de nuevo dentro de un minuto.",
		notNow:    "Abra el enlace de nuevo dentro de un minuto.",
		texts:     "Para no recibir más SMS, responda STOP a uno de ellos.",
	}
}
