package vendortest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	usualPage   = 50
	largestPage = 1000
	listPath    = "/2010-04-01/Accounts/" + TwilioAccountSID + "/Messages.json"
)

// list answers as Twilio's list of messages does: newest first, page by page. It filters by To and From; a search by date is a
// fault, because the vendor's leaves out messages that wait.
func (t *Twilio) list(query url.Values) reply {
	for name := range query {
		if !slices.Contains([]string{"To", "From", "PageSize", "Page"}, name) {
			t.fault("parameter %s: not for a list that has to be whole", name)
		}
	}
	size := number(query.Get("PageSize"), usualPage)
	if size < 1 || size > largestPage {
		return twilioError{http.StatusBadRequest, 20006, "Page size must be between 1 and 1000"}.reply()
	}
	matching := t.Messages()
	slices.Reverse(matching)
	matching = slices.DeleteFunc(matching, func(m SMS) bool {
		return query.Has("To") && m.To != query.Get("To") || query.Has("From") && m.From != query.Get("From")
	})
	page := max(number(query.Get("Page"), 0), 0)
	start := min(page*size, len(matching))
	end := min(start+size, len(matching))
	shownMessages := make([]map[string]any, 0, end-start)
	for _, m := range matching[start:end] {
		shownMessages = append(shownMessages, shown(m))
	}
	at := func(n int) string {
		q := url.Values{"To": query["To"], "From": query["From"], "PageSize": {strconv.Itoa(size)}, "Page": {strconv.Itoa(n)}}
		return listPath + "?" + q.Encode()
	}
	out := map[string]any{
		"messages": shownMessages, "start": start, "end": max(end-1, 0), "page": page, "page_size": size, "uri": at(page),
		"first_page_uri": at(0), "next_page_uri": nil, "previous_page_uri": nil,
	}
	if end < len(matching) {
		out["next_page_uri"] = at(page + 1)
	}
	if page > 0 {
		out["previous_page_uri"] = at(page - 1)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: http.StatusOK, header: map[string]string{"Content-Type": "application/json"}, body: string(raw)}
}

func number(s string, usual int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return usual
}

// encoded is the text as it is shown, which for SmartEncoded is not as it was given.
func (m SMS) encoded() string {
	if m.Form.Get("SmartEncoded") != "true" {
		return m.Body
	}
	return strings.NewReplacer(
		"“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "–", "-", "—", "-", "…", "...", "\u00a0", " ",
		"\u2009", " ", "\u200b", "",
	).Replace(m.Body)
}
