package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// inboxView is the page of the inbox.
type inboxView struct {
	Channel relay.Channel
	Phones  []phone
	Mails   []view.OutboxMessage
	// Next is the address of the older ones, empty where there are none; First that of the newest where these are not them.
	Next, First string
	// Clear says that nothing is masked, and Revealed that it is because an operator asked.
	Clear, Revealed bool
	Masked          bool
	// After is where this page begins, for the button that reveals it.
	After string
}

// phone is the texts to one number, newest first.
type phone struct {
	Number string
	Texts  []view.OutboxMessage
}

// inbox lists what the sandbox took.
func (k *console) inbox(c echo.Context) error { return k.showInbox(c, c.QueryParams(), "") }

// revealInbox lists the same in clear.
func (k *console) revealInbox(c echo.Context) error {
	form, err := readForm(c, maxSmallForm)
	if err != nil {
		return err
	}
	return k.showInbox(c, form, personOf(c).Name)
}

// maxSmallForm is the largest form of a few words.
const maxSmallForm = 16 << 10

func (k *console) showInbox(c echo.Context, q url.Values, by string) error {
	query := InboxQuery{Channel: relay.Channel(q.Get("channel")), After: q.Get("after")}
	if query.Channel != "" && query.Channel != relay.ChannelSMS && query.Channel != relay.ChannelEmail {
		return errBadRequest("There is no channel %.20q: it is sms or email.", query.Channel)
	}
	found, err := k.Inbox.Messages(c.Request().Context(), query, by)
	if err != nil {
		return err
	}
	v := inboxView{Channel: query.Channel, Revealed: by != "", After: query.After, Clear: true}
	for _, m := range found.Items {
		v.Clear = v.Clear && m.Clear
		v.Masked = v.Masked || !m.Clear
		if m.Channel == relay.ChannelSMS {
			v.text(m)
		} else {
			v.Mails = append(v.Mails, m)
		}
	}
	if found.Next != "" {
		v.Next = inboxAddress(query.Channel, found.Next)
	}
	if query.After != "" {
		v.First = inboxAddress(query.Channel, "")
	}
	return k.show(c, http.StatusOK, "inbox.html", page{Title: "Inbox", Nav: "/inbox", Live: by == "", Data: v})
}

// text puts a text on the phone that it came to. Different numbers can look alike masked, so a masked text has a phone to itself.
func (v *inboxView) text(m view.OutboxMessage) {
	for i := range v.Phones {
		if m.Clear && v.Phones[i].Number == m.To {
			v.Phones[i].Texts = append(v.Phones[i].Texts, m)
			return
		}
	}
	v.Phones = append(v.Phones, phone{Number: m.To, Texts: []view.OutboxMessage{m}})
}

func inboxAddress(ch relay.Channel, after string) string {
	q := url.Values{}
	if ch != "" {
		q.Set("channel", string(ch))
	}
	if after != "" {
		q.Set("after", after)
	}
	if len(q) == 0 {
		return root + "/inbox"
	}
	return root + "/inbox?" + q.Encode()
}

// Tab is the address of the inbox of a channel.
func (inboxView) Tab(ch string) string { return inboxAddress(relay.Channel(ch), "") }

// Empty says that there is nothing on the page.
func (v inboxView) Empty() bool { return len(v.Phones) == 0 && len(v.Mails) == 0 }

// outboxView is the page of one message.
type outboxView struct {
	view.OutboxMessage

	// As is html, text or source; Width is phone or desktop.
	As, Width string
	Revealed  bool
	SMS       view.SMSSize
}

// outboxMessage shows one message.
func (k *console) outboxMessage(c echo.Context) error {
	return k.showMessage(c, c.QueryParams(), "")
}

// revealMessage shows one message in clear.
func (k *console) revealMessage(c echo.Context) error {
	form, err := readForm(c, maxSmallForm)
	if err != nil {
		return err
	}
	return k.showMessage(c, form, personOf(c).Name)
}

func (k *console) showMessage(c echo.Context, q url.Values, by string) error {
	seq, err := seqOf(c)
	if err != nil {
		return err
	}
	m, err := k.Inbox.Message(c.Request().Context(), seq, by)
	if err != nil {
		return err
	}
	v := outboxView{OutboxMessage: m, As: q.Get("as"), Width: q.Get("width"), Revealed: by != ""}
	if v.As != "text" && v.As != "source" {
		v.As = "html"
	}
	if !m.Mail {
		v.As = "text"
	}
	if v.Width != "phone" {
		v.Width = "desktop"
	}
	if m.Channel == relay.ChannelSMS {
		v.SMS = view.SMSSize{Encoding: m.Encoding, Segments: m.Segments}
	}
	title := "Mail"
	if m.Channel == relay.ChannelSMS {
		title = "Text"
	}
	return k.show(c, http.StatusOK, "outbox.html", page{Title: title, Nav: "/inbox", Data: v})
}

// outboxMail is the HTML of a mail, for a frame. It is there only where nothing is real: what is revealed is not asked for by a GET.
func (k *console) outboxMail(c echo.Context) error {
	seq, err := seqOf(c)
	if err != nil {
		return err
	}
	m, err := k.Inbox.Message(c.Request().Context(), seq, "")
	if err != nil {
		return err
	}
	if !m.Clear {
		return &Refusal{Status: http.StatusForbidden, Message: "This mail is masked. An operator can reveal it on its page."}
	}
	if m.HTML == "" {
		return errNothingHere()
	}
	return showMail(c, m.HTML)
}

func seqOf(c echo.Context) (int64, error) {
	seq, err := strconv.ParseInt(c.Param("seq"), 10, 64)
	if err != nil || seq < 1 {
		return 0, errNothingHere()
	}
	return seq, nil
}

// With is the address of the page with another way to look.
func (v outboxView) With(as, width string) string {
	return fmt.Sprintf("%s/inbox/%d?as=%s&width=%s", root, v.Seq, as, width)
}

// Ways are how a mail can be looked at.
func (v outboxView) Ways() []string {
	if v.Mail {
		return []string{"html", "text", "source"}
	}
	return []string{"text"}
}
