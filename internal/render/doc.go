// Package render makes messages of events: from the files below templates/ an SMS, or a mail with subject, HTML and text.
//
// # Files
//
// A template is a folder with some of sms.txt, email.subject.txt, email.html and email.txt. A mail needs a subject and a body;
// a missing text part is made from the HTML. A folder below it named after a locale (de, pt-BR) holds variants; what is
// missing there is taken from the less special locale, at last from the files without one, which are taken for English. A
// recipient gets the variant nearest to their locale, else to the default one. Parts for all templates stand in _shared, with
// variants likewise: {{template "layout" .}} finds _shared/layout.html in a mail and _shared/layout.txt in a text. Texts and
// subjects are text/template, HTML is html/template.
//
// # Data
//
// A template sees .event, .recipient, .rule.name, .rule.private, .links.unsubscribe, .links.media, .events (the events that a digest
// lists, in order, otherwise the one event), .count (how many there are in all) and .more (how many of them are not
// listed). In a digest .event is the first; in an SMS it lists as many as there is room for, at least one. The body of a mail also
// sees .subject. Fields of .event are those that the trigger carries; Check finds every other
// name. Times are in the recipient's zone. What a person typed is data: never parsed as template, HTML or a header. It
// has lost its control characters and those that turn the direction of writing, and a field called name is one line of at
// most 40 characters.
//
// What this one event does not have reads as the zero value, so a field that passed Check never fails a render. As a
// condition (if, with, and, or, not) an object is true when anything in it is, and a time when it is set: {{with
// .event.group}} is taken for a group message only, {{.event.group.name}} outside of it is empty in others.
//
// # Functions
//
// Those of text/template but call, and
//
//	short 80 .event.message.text   one line of at most so many characters, cut at a word, with an ellipsis
//	nolinks .event.message.text    without the words that are, or that a phone would make, a link
//	clock .event.received_at       the time of day, as the recipient's region writes it
//	day .event.received_at         the date with its weekday, likewise
//	spoken .event.call.duration    a duration in words
//	number .count                  a number with the separators of the variant's language
//	plural .count                  the form that so many take in it: zero, one, two, few, many or other
//	kind .mime_type                image, video, audio or file
//	lang                           the language of this variant, "en" for files without a locale
//
// clock, day and spoken write digits for languages that are not known here.
//
// # Files and private rules
//
// Addresses of attachments and of recordings are links of ours (Links), or empty: those that CometChat sent are never seen, but for
// .event.raw and metadata, which stay as they were sent. For a private rule everything that somebody wrote, sent, recorded or reacted with
// is empty (relay.Event.WithoutContent), whatever the template does.
//
// # Limits
//
// Sizes and counts stand in the constants of this package. A mail loads no picture but those whose address stands literally
// in the template: every other is taken out of the finished HTML, whatever the template says.
package render
