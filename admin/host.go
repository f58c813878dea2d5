package admin

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// onThisMachine answers only those who ask for localhost or for an address. An operator's browser
// reaches the socket through a port that ssh forwards. A web page elsewhere could let its own name
// lead to that port, and would then be taken by the browser for the one that may read the answers;
// it would ask by that name. An address leads nowhere else, whoever says it.
func onThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownName(r.Host) {
			const why = "this is answered under the name localhost only (as in http://localhost/), since a web page could have led any other name here"
			if strings.HasPrefix(r.URL.Path, "/v1/") {
				problem(w, http.StatusMisdirectedRequest, errors.New(why))
				return
			}
			http.Error(w, why, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownName tells whether a Host header can only mean this machine.
func ownName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil {
		return address.IsValid()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
