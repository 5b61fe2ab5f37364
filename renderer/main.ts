import { mount } from 'svelte';
import '@fontsource-variable/geist';
import '@fontsource-variable/geist-mono';
import App from './shell/App.svelte';
import './styles/tokens.css';
import './styles/base.css';
import './styles/forms.css';

mount(App, { target: document.getElementById('app')! });
