package vendortest

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	maxSMS      = 1600
	maxMedia    = 10
	maxValidity = 36000
)

var (
	e164        = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	anySender   = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 +_&-]{1,11})$`)
	absoluteURL = regexp.MustCompile(`^https?://[^\s/_]+(/|\?|$)`)
)

// once are the parameters of CreateMessage that may be given once; listed those that may be repeated.
var (
	once = []string{
		"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ApplicationSid", "ValidityPeriod",
		"ProvideFeedback", "Attempt", "ForceDelivery", "SmartEncoded", "ContentSid", "ContentVariables", "SendAt",
		"ScheduleType", "ShortenUrls", "SendAsMms", "RiskCheck", "ContentRetention", "AddressRetention", "TrafficType",
		"FallbackFrom", "MaxPrice",
	}
	listed = []string{"MediaUrl", "PersistentAction"}
)

// magicTo and magicFrom are the numbers that Twilio's test credentials know, and the code they fail with.
var (
	magicTo = map[string]int{
		"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610, "+15005550009": 21614,
	}
	magicFrom = map[string]int{"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
)

func (t *Twilio) noteParameters(form url.Values) {
	for name, values := range form {
		switch {
		case slices.Contains(listed, name):
		case !slices.Contains(once, name):
			t.fault("parameter %s: Twilio does not know it", name)
		case len(values) > 1:
			t.fault("parameter %s: given %d times", name, len(values))
		}
	}
	if v := form.Get("SmartEncoded"); v != "" && v != "true" && v != "false" {
		t.fault("parameter SmartEncoded: %q is not true or false", v)
	}
}

// checkMessage gives the first error that Twilio would, in Twilio's words, which repeat the number.
func checkMessage(form url.Values) *twilioError {
	for _, check := range []func(url.Values) *twilioError{checkTo, checkFrom, checkText, checkTimes} {
		if e := check(form); e != nil {
			return e
		}
	}
	return nil
}

func refuse(code int, message string) *twilioError {
	return &twilioError{http.StatusBadRequest, code, message}
}

func checkTo(form url.Values) *twilioError {
	to := form.Get("To")
	if to == "" {
		return refuse(21604, "A 'To' phone number is required.")
	}
	if !e164.MatchString(to) {
		return refuse(21211, "The 'To' number "+to+" is not a valid phone number.")
	}
	if code, ok := magicTo[to]; ok {
		return refuse(code, "The message to "+to+" cannot be sent.")
	}
	return nil
}

func checkFrom(form url.Values) *twilioError {
	from, service := form.Get("From"), form.Get("MessagingServiceSid")
	switch {
	case from == "" && service == "":
		return refuse(21603, "A 'From' phone number is required.")
	case service != "" && service != TwilioServiceSID:
		return refuse(21701, "The Messaging Service does not exist.")
	case from != "" && !anySender.MatchString(from):
		return refuse(21212, "The 'From' number "+from+" is not a valid phone number, shortcode, or alphanumeric sender ID.")
	}
	if code, ok := magicFrom[from]; ok {
		return refuse(code, "The sender "+from+" cannot send this message.")
	}
	return nil
}

func checkText(form url.Values) *twilioError {
	if !form.Has("Body") && !form.Has("MediaUrl") && !form.Has("ContentSid") || form.Has("Body") && form.Get("Body") == "" {
		return refuse(21602, "Message body is required.")
	}
	if n := utf8.RuneCountInString(form.Get("Body")); n > maxSMS {
		return refuse(21617, "The concatenated message body exceeds the 1600 character limit.")
	}
	if len(form["MediaUrl"]) > maxMedia {
		return refuse(21623, "Number of media files exceeds allowed limit.")
	}
	return nil
}

func checkTimes(form url.Values) *twilioError {
	if callback := form.Get("StatusCallback"); callback != "" {
		if _, err := url.Parse(callback); err != nil || !absoluteURL.MatchString(callback) {
			return refuse(21609, "The 'StatusCallback' URL "+callback+" is not a valid URL.")
		}
	}
	if !form.Has("ValidityPeriod") {
		return nil
	}
	if seconds, err := strconv.Atoi(form.Get("ValidityPeriod")); err != nil || seconds < 1 || seconds > maxValidity {
		return refuse(21624, "The 'ValidityPeriod' must be between 1 and 36000.")
	}
	return nil
}

func newSID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return "SM" + hex.EncodeToString(id[:])
}
