package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

const (
	// maxPlay is the largest form of the playground: everything that a trial may have, and room for the form itself.
	maxPlay = view.MaxTrialEvent + 2*view.MaxTrialRules + view.MaxTrialText + 256<<10
	// formMemory is how much of a form is held in memory; a form has no files that would go elsewhere.
	formMemory = maxPlay
	// laterRows is how many further events the form has room for.
	laterRows = 3
)

// playView is the page of the playground: the form with what was written in it, and what came of it.
type playView struct {
	view.Desk

	Form view.Trial
	// At, Later and Open are as they were written; Open is the template file that is to be changed.
	At    string
	Later []laterRow
	// Changed says that the rules differ from those in force.
	Changed bool
	Sample  string
	// Said is what a button other than Explain did.
	Notice string
	Tried  *view.Tried
	// Other are the rules for other triggers, which stand aside.
	Mine, Other []view.RuleAccount
}

// laterRow is a further event as it was written.
type laterRow struct {
	N             int
	After, Sample string
}

// play shows the playground as it begins: with a sample, or a kept event.
func (k *console) play(c echo.Context) error {
	v := playView{Desk: k.Playground.Desk(c.Request().Context(), !mayReveal(c))}
	v.Form = view.Trial{Rules: v.Rules, People: v.People, Others: true, Kept: c.QueryParam("event")}
	if v.Form.Kept == "" {
		v.Sample = firstOf(c.QueryParam("sample"), "call_initiated")
		v.Form.Event = v.sample(v.Sample)
	}
	if name := c.QueryParam("file"); name != "" {
		v.open(name)
	}
	return k.showPlay(c, v)
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

func (k *console) showPlay(c echo.Context, v playView) error {
	v.Changed = v.Form.Rules != v.Rules
	for n := len(v.Later); n < laterRows; n++ {
		v.Later = append(v.Later, laterRow{N: n})
	}
	return k.show(c, http.StatusOK, "play.html", page{Title: "Playground", Nav: "/playground", Wide: true, Data: v})
}

// tryPlay does what the button says that was pressed, and gives the form back as it was written.
func (k *console) tryPlay(c echo.Context) error {
	form, err := readForm(c, maxPlay)
	if err != nil {
		return err
	}
	v := playView{Desk: k.Playground.Desk(c.Request().Context(), !mayReveal(c))}
	wrong := v.read(form)
	who := personOf(c)
	v.Form.By, v.Form.Viewer = who.Name, !mayReveal(c)
	switch form.Get("do") {
	case "sample":
		v.Form.Event, v.Form.Kept = v.sample(v.Sample), ""
		v.Notice = "The event is the sample of " + v.Sample + " now."
	case "open":
		v.open(form.Get("open"))
	case "restore":
		v.Form.Rules, v.Form.Templates = v.Rules, nil
		v.Notice = "Rules and templates are those in force again."
	case "kept":
		if v.Form.Viewer {
			return errViewer()
		}
		if v.Form.Event, err = k.Playground.Kept(c.Request().Context(), v.Form.Kept, who.Name); err != nil {
			return err
		}
		v.Notice = "The event is a copy of the kept one now, which you can change."
	default:
		return k.explain(c, v, wrong)
	}
	return k.showPlay(c, v)
}

func (k *console) explain(c echo.Context, v playView, wrong error) error {
	if wrong != nil {
		v.Tried = &view.Tried{Problem: wrong.Error()}
		return k.showPlay(c, v)
	}
	tried, err := k.Playground.Try(c.Request().Context(), v.Form)
	if err != nil {
		return err
	}
	v.Tried = &tried
	for _, r := range tried.Rules {
		if r.Matched || len(r.Parts) > 0 || !strings.HasPrefix(r.Why, "it is for ") {
			v.Mine = append(v.Mine, r)
		} else {
			v.Other = append(v.Other, r)
		}
	}
	return k.showPlay(c, v)
}

// readForm reads a form of at most that many bytes, in either encoding. Browsers end lines by CR LF.
func readForm(c echo.Context, most int64) (url.Values, error) {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, most)
	err := r.ParseForm()
	if multipart := r.ParseMultipartForm(formMemory); err == nil && !errors.Is(multipart, http.ErrNotMultipart) {
		err = multipart
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &Refusal{
			Status:  http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("This form is larger than %d KiB. The event may have %d KiB and the rules %d KiB.", most>>10, view.MaxTrialEvent>>10, view.MaxTrialRules>>10),
		}
	}
	if err != nil {
		return nil, errBadRequest("This form cannot be read.")
	}
	form := url.Values{}
	for name, values := range r.PostForm {
		for _, text := range values {
			form.Add(name, strings.ReplaceAll(text, "\r\n", "\n"))
		}
	}
	return form, nil
}

// read takes what was written in the form. The error says what cannot be understood; the rest is read all the same.
func (v *playView) read(form url.Values) error {
	v.Form = view.Trial{
		Event: form.Get("event"), Kept: form.Get("kept"), Rules: form.Get("rules"), People: form.Get("people"),
		Others: form.Get("others") != "", Directory: form.Get("who") == "directory",
	}
	v.Sample, v.At = form.Get("sample"), strings.TrimSpace(form.Get("at"))
	names, texts := form["file"], form["text"]
	for i := range min(len(names), len(texts)) {
		v.Form.Templates = append(v.Form.Templates, view.TextFile{Name: names[i], Text: texts[i]})
	}
	return errors.Join(v.readAt(), v.readLater(form))
}

func (v *playView) readAt() error {
	if v.At == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, v.At)
	if err != nil {
		return fmt.Errorf("%.40q is not a time such as 2026-03-02T23:30:00Z", v.At)
	}
	v.Form.At = at
	return nil
}

// maxLater is how long after the event another may come.
const maxLater = 31 * 24 * time.Hour

func (v *playView) readLater(form url.Values) error {
	var problems []error
	afters, samples := form["after"], form["then"]
	for i := range min(len(afters), len(samples), view.MaxTrialLater) {
		row := laterRow{N: i, After: strings.TrimSpace(afters[i]), Sample: samples[i]}
		v.Later = append(v.Later, row)
		if row.Sample == "" {
			continue
		}
		after, err := time.ParseDuration(firstOf(row.After, "0s"))
		if err != nil || after < -maxLater || after > maxLater {
			problems = append(problems, fmt.Errorf("%.40q is not a time after the event; write 12s, 5m or 1h30m", row.After))
			continue
		}
		v.Form.Later = append(v.Form.Later, view.LaterEvent{After: after, Sample: row.Sample})
	}
	return errors.Join(problems...)
}

func (v *playView) sample(trigger string) string {
	for _, s := range v.Samples {
		if s.Trigger == trigger {
			return s.JSON
		}
	}
	return ""
}

// open lets a template file be changed: one in force with its text, or a new one.
func (v *playView) open(name string) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		v.Notice = "Which file? Name one such as mention/sms.txt."
	case slices.ContainsFunc(v.Form.Templates, func(f view.TextFile) bool { return f.Name == name }):
		v.Notice = name + " is open already."
	case len(v.Form.Templates) >= view.MaxTrialFiles:
		v.Notice = fmt.Sprintf("No more than %d files can be changed at once.", view.MaxTrialFiles)
	default:
		at := slices.IndexFunc(v.Templates, func(f view.TextFile) bool { return f.Name == name })
		file := view.TextFile{Name: name}
		if at >= 0 {
			file = v.Templates[at]
		}
		v.Form.Templates = append(v.Form.Templates, file)
		v.Notice = name + " can be changed below."
	}
}

// Rows is how tall the field of a text is.
func (v playView) Rows(text string) int { return min(max(strings.Count(text, "\n")+2, 4), 24) }

// Flaws counts the findings that forbid the rules, and Doubts the others.
func (v playView) Flaws() int  { return v.count(false) }
func (v playView) Doubts() int { return v.count(true) }

func (v playView) count(warning bool) int {
	n := 0
	for _, f := range v.Tried.Findings {
		if f.Warning == warning {
			n++
		}
	}
	return n
}

// Headline says in one sentence what came of the trial.
func (v playView) Headline() string {
	sent, alerts := 0, len(v.Tried.Outcomes)
	for _, o := range v.Tried.Outcomes {
		for _, m := range o.Messages {
			if m.Text != "" && m.Reason == "" {
				sent++
			}
		}
	}
	matched := 0
	for _, r := range v.Tried.Rules {
		if r.Matched {
			matched++
		}
	}
	switch {
	case v.Tried.Event.Noise != "":
		return "No rule is applied: CometChat sends this event for its own sake"
	case matched == 0 && alerts == 0:
		return "No rule matches, so nobody is told"
	case alerts == 0:
		return plural(matched, "rule matches", "rules match") + ", and nobody is told"
	case sent == 0:
		return plural(alerts, "alert", "alerts") + " would be made, and no message sent"
	}
	return plural(sent, "message", "messages") + " would be sent"
}

// mailPolicy lets a mail have its own style and pictures that are in it, and run or load nothing: it was made with what strangers wrote.
const mailPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

// showMail answers with a mail's HTML and nothing around it, for a frame of these pages.
func showMail(c echo.Context, html string) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, mailPolicy)
	h.Set(echo.HeaderXFrameOptions, "SAMEORIGIN")
	return c.HTML(http.StatusOK, html)
}

// maxMailForm is the largest mail that is shown, as a form: in the worst case each byte takes three.
const maxMailForm = 3*256<<10 + 4<<10

// echoMail shows the mail that it is given, and keeps nothing: that is how a page shows one that is kept nowhere.
func (k *console) echoMail(c echo.Context) error {
	form, err := readForm(c, maxMailForm)
	if err != nil {
		return err
	}
	return showMail(c, form.Get("html"))
}
