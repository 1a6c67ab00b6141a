// Package awstest is as much of AWS as a DNS-01 challenge asks for: Route 53 for one zone, and the exchange of a token
// for credentials of a role.
//
// Tests import it; no part of the operator may.
package awstest

import (
	"encoding/xml"
	"net/http"
	"time"
)

// Zone has TXT records, by their full names.
type Zone interface {
	TXT(name string) []string
	SetTXT(name string, values ...string)
}

// HostedZoneID is the ID of the zone that Route53 has.
const HostedZoneID = "Z1"

// recordSet is a ResourceRecordSet.
type recordSet struct {
	Name, Type string
	TTL        int
	Values     []string `xml:"ResourceRecords>ResourceRecord>Value"`
}

// Route53 is the API of Route 53 for the zone of a name.
func Route53(name string, zone Zone) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2013-04-01/hostedzonesbyname", func(w http.ResponseWriter, _ *http.Request) {
		type hostedZone struct {
			Id, Name    string
			PrivateZone bool `xml:"Config>PrivateZone"`
		}
		answer(w, "ListHostedZonesByNameResponse", route53Namespace, struct {
			Zones []hostedZone `xml:"HostedZones>HostedZone"`
		}{[]hostedZone{{"/hostedzone/" + HostedZoneID, name + ".", false}}})
	})
	const sets = " /2013-04-01/hostedzone/" + HostedZoneID + "/rrset"
	mux.HandleFunc("GET"+sets, func(w http.ResponseWriter, request *http.Request) { list(w, zone, request.URL.Query().Get("name")) })
	mux.HandleFunc("POST"+sets, func(w http.ResponseWriter, request *http.Request) { change(w, zone, request) })
	return mux
}

const (
	route53Namespace = "https://route53.amazonaws.com/doc/2013-04-01/"
	stsNamespace     = "https://sts.amazonaws.com/doc/2011-06-15/"
)

func list(w http.ResponseWriter, zone Zone, name string) {
	var sets []recordSet
	if values := zone.TXT(name); len(values) > 0 {
		sets = []recordSet{{Name: name, Type: "TXT", TTL: 10}}
		for _, value := range values {
			sets[0].Values = append(sets[0].Values, `"`+value+`"`)
		}
	}
	answer(w, "ListResourceRecordSetsResponse", route53Namespace, struct {
		Sets        []recordSet `xml:"ResourceRecordSets>ResourceRecordSet"`
		IsTruncated bool
		MaxItems    int
	}{sets, false, 100})
}

func change(w http.ResponseWriter, zone Zone, request *http.Request) {
	batch := struct {
		Changes []struct {
			Action string
			Set    recordSet `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}{}
	if xml.NewDecoder(request.Body).Decode(&batch) != nil || len(batch.Changes) != 1 {
		http.Error(w, "not that", http.StatusBadRequest)
		return
	}
	var values []string
	if batch.Changes[0].Action == "UPSERT" {
		for _, value := range batch.Changes[0].Set.Values {
			values = append(values, value[1:len(value)-1])
		}
	}
	zone.SetTXT(batch.Changes[0].Set.Name, values...)
	// The change is never seen to be everywhere: nobody may wait for that here.
	answer(w, "ChangeResourceRecordSetsResponse", route53Namespace, struct {
		Id     string `xml:"ChangeInfo>Id"`
		Status string `xml:"ChangeInfo>Status"`
	}{"/change/C1", "PENDING"})
}

// SessionToken is in the header X-Amz-Security-Token of whoever has the credentials that STS gives out.
const SessionToken = "aws-session-1234"

// STS is the exchange of tokens for credentials (AssumeRoleWithWebIdentity) of one role.
type STS struct {
	// Role is its ARN.
	Role string
	// Trusts says whether a token may be that role.
	Trusts func(token string) bool
}

// ServeHTTP implements http.Handler.
func (s *STS) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	token := request.PostFormValue("WebIdentityToken")
	switch {
	case request.PostFormValue("Action") != "AssumeRoleWithWebIdentity" || request.PostFormValue("RoleSessionName") == "":
		http.Error(w, "not that", http.StatusBadRequest)
	case request.PostFormValue("RoleArn") != s.Role || !s.Trusts(token):
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		answer(w, "ErrorResponse", stsNamespace, struct {
			Code    string `xml:"Error>Code"`
			Message string `xml:"Error>Message"`
		}{"AccessDenied", token + " may not be this role"})
	default:
		type credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
		answer(w, "AssumeRoleWithWebIdentityResponse", stsNamespace, struct {
			Credentials credentials `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
		}{credentials{"ASIAEXAMPLE", "aws-secret-1234", SessionToken, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}})
	}
}

func answer(w http.ResponseWriter, name, namespace string, body any) {
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).EncodeElement(body, xml.StartElement{Name: xml.Name{Local: name, Space: namespace}})
}
