package providers

var table = []Provider{
	{
		Name: "httpreq", Title: "HTTP request", Keys: []Key{
			{Name: "HTTPREQ_ENDPOINT", Description: "The URL of the server", Endpoint: true},
			{Name: "HTTPREQ_HTTP_TIMEOUT", Description: "API request timeout in seconds (Default: 30)"},
			{Name: "HTTPREQ_MODE", Description: "`RAW`, none"},
			{Name: "HTTPREQ_PASSWORD", Description: "Basic authentication password", Secret: true},
			{Name: "HTTPREQ_USERNAME", Description: "Basic authentication username"},
		},
		Ways: []Way{{{"HTTPREQ_ENDPOINT"}}},
	},
}
