package access

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

const (
	// sessionLasts is how long a log-in is good for at the most, and sessionIdle how long without a request.
	sessionLasts = 12 * time.Hour
	sessionIdle  = 2 * time.Hour
	// renewAfter is how much later a session must end for a new cookie: not each request needs one.
	renewAfter = 5 * time.Minute
	// clockSkew is how far the clocks of two replicas may be apart.
	clockSkew = time.Minute
)

// The parts of a cookie, in bytes: version, HMAC over the version and what follows, when somebody logged in and when it ends (seconds
// since 1970), fingerprint of their secret, name.
const (
	sessionVersion = 1
	fingerprintLen = 16
	fixedLen       = 1 + sha256.Size + 8 + 8 + fingerprintLen
	maxCookie      = fixedLen + maxName
)

// session is what a cookie says.
type session struct {
	name            string
	issued, expires time.Time
	fingerprint     [fingerprintLen]byte
}

// ends is when a session ends that is used now.
func (s session) ends(now time.Time) time.Time {
	last := s.issued.Add(sessionLasts)
	if idle := now.Add(sessionIdle); idle.Before(last) {
		return idle
	}
	return last
}

// holds says whether the session is in force.
func (s session) holds(now time.Time) bool {
	return now.Before(s.expires) && !s.issued.After(now.Add(clockSkew)) && !s.expires.After(s.issued.Add(sessionLasts))
}

// sessionKey signs cookies, and makes fingerprints that tell nothing of the secret to whoever sees the cookie.
type sessionKey struct{ sign, mark []byte }

// newSessionKey derives a key for this purpose alone, so that no link in a message can be taken for a cookie.
func newSessionKey(secret []byte) (sessionKey, error) {
	sign, err := hkdf.Key(sha256.New, secret, nil, "beckon console session 1", sha256.Size)
	if err != nil {
		return sessionKey{}, err
	}
	mark, err := hkdf.Key(sha256.New, secret, nil, "beckon console fingerprint 1", sha256.Size)
	return sessionKey{sign: sign, mark: mark}, err
}

// fingerprint changes when the operator's secret does.
func (k sessionKey) fingerprint(o Operator) [fingerprintLen]byte {
	mac := hmac.New(sha256.New, k.mark)
	mac.Write([]byte(o.Name + "\x00" + o.Secret))
	return [fingerprintLen]byte(mac.Sum(nil))
}

func (k sessionKey) seal(s session) string {
	body := binary.BigEndian.AppendUint64(nil, uint64(s.issued.Unix()))  //nolint:gosec // read back as it was
	body = binary.BigEndian.AppendUint64(body, uint64(s.expires.Unix())) //nolint:gosec // read back as it was
	body = append(append(body, s.fingerprint[:]...), s.name...)
	raw := append([]byte{sessionVersion}, k.mac(body)...)
	return encoding().EncodeToString(append(raw, body...))
}

func (k sessionKey) mac(body []byte) []byte {
	mac := hmac.New(sha256.New, k.sign)
	mac.Write([]byte{sessionVersion})
	mac.Write(body)
	return mac.Sum(nil)
}

// encoding is strict: for each cookie there is one spelling.
func encoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// errCookie is all that is said of a cookie that is none of ours.
var errCookie = errors.New("no session of ours")

// openSession reads a cookie that one of the keys has signed, and gives that key. Whether the session still holds is not looked at.
func openSession(keys []sessionKey, value string) (session, sessionKey, error) {
	if len(value) > encoding().EncodedLen(maxCookie) {
		return session{}, sessionKey{}, errCookie
	}
	raw, err := encoding().DecodeString(value)
	if err != nil || len(raw) <= fixedLen || raw[0] != sessionVersion {
		return session{}, sessionKey{}, errCookie
	}
	sum, body := raw[1:1+sha256.Size], raw[1+sha256.Size:]
	for _, key := range keys {
		if hmac.Equal(sum, key.mac(body)) {
			return session{
				issued:      seconds(body[:8]),
				expires:     seconds(body[8:16]),
				fingerprint: [fingerprintLen]byte(body[16 : 16+fingerprintLen]),
				name:        string(body[16+fingerprintLen:]),
			}, key, nil
		}
	}
	return session{}, sessionKey{}, errCookie
}

// seconds reads a time that we have signed.
func seconds(b []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(b)), 0) //nolint:gosec // it came from one
}

// randomSecret is for a process that has no key to share with others.
func randomSecret() []byte {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // it never fails
	return secret
}
