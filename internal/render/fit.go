package render

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Fit is what becomes of an SMS that has only so many segments.
type Fit struct {
	// Whole is what the template says, of a digest with the events that are listed.
	Whole relay.Text
	// Listed is how many events a digest lists: as many as there is room for, at least one. 0 where there is no digest.
	Listed int
	// Cut says that Whole is too long even so, and that only its beginning goes out.
	Cut bool
}

// Fit says how Render makes an SMS fit into its segments. Errors are those of Render.
func (t *Templates) Fit(req Request) (Fit, error) {
	req.Channel = relay.ChannelSMS
	v, req, err := t.prepare(req)
	if err != nil {
		return Fit{}, err
	}
	fit, err := v.fit(req)
	if err != nil {
		return Fit{}, fmt.Errorf("render %w", err)
	}
	return fit, nil
}

// fit finds how many events of a digest an SMS has room for. The others are counted: a cut would take that count away.
func (v *variant) fit(req Request) (Fit, error) {
	whole, err := v.smsText(req)
	if err != nil {
		return Fit{}, err
	}
	fits := func(text string) bool { return Measure(text, true).fits(req.segments()) }
	fit := Fit{Whole: relay.Text(whole), Listed: len(req.Events), Cut: !fits(whole)}
	if !fit.Cut || len(req.Events) < 2 {
		return fit, nil
	}
	req.Count = max(req.Count, len(req.Events))
	fewer := func(listed int) (string, error) {
		fewer := req
		fewer.Events = slices.Clone(req.Events[:listed])
		return v.smsText(fewer)
	}
	tooMany := sort.Search(len(req.Events), func(i int) bool {
		text, err := fewer(i + 1)
		return err != nil || !fits(text)
	})
	listed := max(1, tooMany)
	// A template may ask for an event by its number, which fails where that is not listed. It has rendered with all of them.
	if text, err := fewer(listed); err == nil {
		fit = Fit{Whole: relay.Text(text), Listed: listed, Cut: !fits(text)}
	}
	return fit, nil
}

func (v *variant) smsText(req Request) (string, error) {
	p := v.parts[fileSMS]
	text, err := p.execute(req.data(v.speech), MaxText)
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(withoutControls(text)); text == "" {
		return "", p.empty()
	}
	return text, nil
}

// segments is how many parts the SMS may have.
func (req Request) segments() int {
	if req.MaxSegments <= 0 {
		return defaultSegments
	}
	return req.MaxSegments
}
